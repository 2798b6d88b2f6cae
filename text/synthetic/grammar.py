"""Words and sentence patterns of text/synthetic/reviews.py: data only.

A slot such as {job} is filled from WORDS["job"]; {hero}, {friend} and {title} are chosen once a review. In an opinion,
{A} and {A_clause} praise where {B} and {B_clause} blame, or the other way round, and {I} is whoever holds it.
"""


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


# Praise and blame: the first words are drawn most often.
PRAISE = _words("""
    good great excellent wonderful brilliant beautiful superb gripping moving charming delightful clever thrilling
    captivating touching inspired masterful magnificent splendid marvelous terrific impressive graceful witty engaging
    compelling riveting enchanting exquisite dazzling satisfying refreshing remarkable memorable sublime stirring
    luminous elegant poignant absorbing fascinating heartfelt joyous polished ingenious sparkling rewarding
    breathtaking unforgettable outstanding lovely irresistible""")

BLAME = _words("""
    bad awful boring terrible dull horrible clumsy tedious dreadful lifeless shallow bland hollow predictable tiresome
    sloppy stale forgettable pointless ridiculous insipid messy wooden lazy flat pathetic mediocre muddled annoying
    dreary grating contrived incoherent laughable lame pretentious uninspired unbearable disappointing awkward
    ludicrous vapid dismal shoddy monotonous plodding ponderous amateurish tasteless unconvincing exhausting""")

PRAISE_VERBS = _words("works shines soars sparkles delights excels dazzles sings enchants triumphs thrills")

BLAME_VERBS = _words("fails drags sags stumbles fizzles bores limps collapses flounders disappoints")

WORDS: dict[str, tuple[str, ...]] = {
    "aspect": _words("""
        acting script score editing camera_work dialogue ending pacing casting plot lighting humor direction staging
        lead_performance sound_design third_act production_design central_romance mystery narration opening_scene
        costume_work choreography premise climax supporting_cast soundtrack final_hour first_hour storytelling
        chemistry make-up title_song framing_story villain finale"""),
    "woman": _words("""
        Alice Beatrice Carmen Dora Edith Fiona Greta Hannah Irene Judith Karin Lucille Mabel Nora Odile Paula Rosalind
        Sabine Tamara Ursula Vera Wanda Yvonne Zelda Agnes Bridget Clara Delia Esther Frieda"""),
    "man": _words("""
        Albert Boris Cedric Dmitri Edgar Felix Gustav Harold Igor Jasper Konrad Leopold Milton Nathan Oscar Percy
        Quentin Roland Silas Theodore Ulrich Victor Walter Xavier Yuri Zachary Arthur Bernard Clement Desmond"""),
    "job": _words("""
        locksmith librarian carpenter dentist beekeeper surgeon plumber clockmaker baker gardener lawyer cartographer
        teacher tailor botanist violinist journalist fisherman waiter pharmacist mechanic magician astronomer butcher
        translator photographer pilot cobbler accountant welder nurse boxer smuggler detective farmer sculptor typist
        priest gravedigger barber chemist diplomat miner weaver shepherd jeweler auctioneer engineer conductor sailor
        archivist chauffeur firefighter geologist hairdresser innkeeper janitor judge lifeguard mayor midwife milliner
        optician organist painter postman professor puppeteer ranger rower salesman secretary sheriff soldier
        stonemason tattooist trapper undertaker veterinarian watchman zoologist acrobat bookbinder brewer cellist"""),
    "place": _words("""
        lighthouse harbor monastery warehouse bakery orchard library tunnel quarry hospital cellar attic chapel
        theater railway_station greenhouse vineyard castle prison laundry museum barn cemetery hotel factory
        courthouse stable shipyard windmill embassy observatory ballroom swimming_pool post_office tavern cabin
        mansion boathouse bridge circus tent market canal garage school kitchen pawnshop church_tower dairy dormitory
        elevator farmhouse ferry garden hangar igloo junkyard kiosk laboratory mill nursery office parlor pier ranch
        sawmill studio subway swamp tower trailer valley villa wharf workshop zoo bunker campsite casino cave clinic
        arcade"""),
    "town": _words("""
        Lisbon Trieste Odessa Glasgow Montreal Valparaiso Krakow Bergen Naples Antwerp Havana Tangier Riga Bristol
        Lyon Seville Helsinki Boston Cairo Dublin Ghent Hamburg Istanbul Kyoto Lima Malta Nairobi Oslo Prague Quebec
        Reykjavik Salzburg Turin Utrecht Vienna Warsaw Zagreb Belfast Geneva Marseille"""),
    "object": _words("""
        umbrella suitcase violin letter map mirror clock telescope necklace ladder typewriter compass painting lantern
        diary revolver photograph ring bicycle statue coin trumpet blanket candle key bottle teapot carpet chandelier
        accordion anchor basket bell boot bracelet briefcase broom bucket button camera carriage chessboard cigar coat
        crown cupboard curtain dagger doll drum envelope feather flute fountain_pen globe glove guitar hammer harp hat
        helmet kettle kite knife locket mask medal microscope music_box napkin newspaper notebook oar pearl piano
        pillow pipe postcard puzzle quilt radio rope rug saddle scarf sewing_machine shovel sketch spoon
        stamp sword tablecloth tape_recorder telegram thimble ticket trunk apron vase wallet whistle wig"""),
    "neutral": _words("""
        retired young elderly tall quiet talkative wealthy penniless widowed nearsighted married divorced stubborn shy
        foreign local wandering bearded red-haired left-handed silent nervous cautious curious sleepless homesick
        superstitious freckled barefoot orphaned absent-minded gray-haired jealous restless lonely punctual proud
        thirsty sunburned limping"""),
    "material": _words("""
        copper wooden-handled velvet silver glass leather porcelain rusty golden marble paper iron broken stolen
        antique tiny enormous forgotten hidden painted purple green yellow scarlet crooked folded dusty cracked empty
        heavy borrowed foreign-looking hand-carved locked round square stained striped torn wet"""),
    "act": _words("""
        repair bury steal paint hide admire photograph borrow smuggle weigh deliver wrap polish_up inherit auction_off
        carry hoist burn sell collect inspect return misplace pawn examine copy unpack sketch catalog guard measure
        clean drop dust exchange fetch forge lend lose mail open order pack pick_up purchase recognize rent restore
        sew sharpen ship smash store tie trade unlock unwrap wash abandon assemble count describe dismantle"""),
    "vehicle": _words("""
        truck tram motorcycle sailboat tractor taxi sleigh hearse bus train canoe rowboat wagon ambulance helicopter
        steamer van balloon tugboat scooter limousine freighter locomotive raft submarine"""),
    "animal": _words("""
        parrot donkey goat greyhound cat goose owl pony monkey hedgehog rooster lamb ferret tortoise rabbit raven mule
        camel dachshund bear crocodile elephant fox heron llama mouse otter pelican seal squirrel swan terrier toad
        turkey walrus wolf"""),
    "weather": _words("rainy foggy snowy windy sunny stormy frosty cloudy humid drizzly icy misty chilly sultry"),
    "season": _words("spring summer autumn winter"),
    "weekday": _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "month": _words("January February March April May June July August September October November December"),
    "number": _words("""
        two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
        eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"""),
    "genre": _words("""
        western thriller comedy musical melodrama heist fairy_tale ghost_story costume_drama war_movie road_movie
        courtroom_drama romance adventure fable satire crime_story chamber_play family_saga spy_story"""),
    "manner": _words("""
        slowly secretly reluctantly hastily calmly suddenly carefully absently patiently solemnly accidentally
        cheerfully deliberately eagerly gently grimly innocently loudly nervously openly politely promptly silently
        sternly stubbornly wearily briefly drunkenly eventually formally"""),
    "kin": _words("""
        uncle aunt cousin nephew niece grandmother grandfather stepfather godmother twin_sister brother-in-law
        half-brother widow fiancee landlord tutor rival pupil neighbor employer apprentice accomplice bodyguard
        classmate creditor doctor heiress lodger nanny partner"""),
    "food": _words("""
        soup bread pancakes oysters cheese marmalade dumplings herring noodles coffee plums walnuts porridge cider
        mustard sausages rice lemonade pickles cabbage asparagus beans brandy butter carrots cherries chestnuts
        chocolate cinnamon garlic gingerbread ham honey ice_cream lentils melons mushrooms onions peaches peanuts
        pears pepper popcorn potatoes pudding raisins salmon spinach strawberries tea toast tomatoes turnips"""),
    "pastime": _words("""
        chess fencing gardening poker skating archery knitting juggling billiards croquet dominoes fishing gambling
        hiking hunting opera origami pottery riding rowing sailing singing swimming tennis wrestling yoga ballet
        bowling calligraphy carpentry"""),
    "event": _words("""
        duel dance wedding funeral banquet storm earthquake blackout parade auction trial rehearsal picnic shipwreck
        masquerade election chase burglary concert carnival christening flood kidnapping lecture lottery raid reunion
        seance sermon tournament quarrel riot robbery race feast fire farewell strike verdict beauty_contest"""),
    "stuff": _words("""
        fabric canvas granite silk brass bamboo cardboard wool plaster concrete ivory ebony linen cotton clay tin wax
        brick cork felt gravel straw amber asphalt bronze chalk denim enamel flannel lace"""),
    "someone_she": _words("""
        my_sister my_aunt my_neighbor_Ines my_dentist my_roommate_Petra my_boss the_woman_at_the_box_office
        the_critic_of_the_morning_paper the_hostess_of_a_radio_show my_colleague_Lena the_projectionist
        the_lady_in_the_next_seat our_babysitter my_old_teacher a_blogger_from_Ohio the_usherette my_grandmother
        my_friend_Marta the_columnist_of_a_fashion_magazine a_student_in_the_lobby"""),
    "someone_he": _words("""
        my_brother my_uncle my_neighbor_Tom my_barber my_roommate_Karl my_landlord the_man_at_the_popcorn_stand
        the_critic_of_the_evening_paper the_host_of_a_podcast my_colleague_Ivan the_taxi_driver
        the_gentleman_behind_me our_mailman my_history_professor a_reviewer_from_Texas the_distributor my_grandfather
        my_friend_Paul the_editor_of_a_film_magazine a_tourist_in_the_foyer"""),
    "other_film": _words("""
        the_sequel the_original the_remake the_silent_version the_television_series the_short_film_before_it
        the_stage_play the_director's_debut the_French_version the_prequel the_other_film_of_the_evening
        the_animated_version the_director's_last_film the_studio's_other_release"""),
}

# Plot, without opinions, in narrative order: a review takes sentences of each group, the first group first.
NEUTRAL: tuple[tuple[str, ...], ...] = (
    (
        "I saw {title} on a {weather} {weekday} in {month}.",
        "{title} is a {genre} of {number} reels, set in {town} one {season}.",
        "{title} tells the story of {hero}, a {neutral} {job} who lives above a {place}.",
        "In {title}, {hero} is a {neutral} {job} with a {material} {object} and a {animal}.",
        "The story of {title} takes place in a {place} near {town}.",
        "{title}, a {genre} about a {job} and a {job}, came out last {month}.",
    ),
    (
        "{hero} has worked as a {job} in {town} for {number} years.",
        "One {weather} {weekday} a {neutral} {job} named {friend} arrives with a {material} {object}.",
        "{hero} grew up in a {place} outside {town} and collects every {object} made of {stuff}.",
        "We meet {hero} in a {place}, where {he} practices {pastime} with a {neutral} {kin}.",
        "{friend} is the {kin} of a {job} and lives on {food} and {food}.",
        "A {material} {object} turns up in the {place} behind the {place}.",
        "In {season}, {hero} takes a {vehicle} to {town} to {act} a {object}.",
    ),
    (
        "{friend} and {hero} {act} a {material} {object} and leave {town} by {vehicle}.",
        "A {neutral} {job} wants to {act} the {object}, but the {animal} is in the way.",
        "{manner}, {hero} hands the {object} to a {neutral} {kin} in the {place}.",
        "Somebody has to {act} the {material} {object} before {weekday}.",
        "Over some {food}, {friend} asks {hero} to {act} a {object}.",
        "The {job} and the {kin} talk about {pastime} for {number} minutes.",
        "There is a {event} in a {place}, and then a {event} with {number} extras.",
        "{hero} {manner} trades the {vehicle} for a {animal} and some {food}.",
        "Meanwhile {friend} learns {pastime} from a {neutral} {job} in {town}.",
        "A {kin} appears with a {object} of {stuff} and some {food}.",
        "After the {event}, everyone moves from the {place} to a {place} in {town}.",
        "The {animal} follows {hero} through the {place} while the {vehicle} waits outside.",
    ),
    (
        "In the last reel the {object} is found under the {vehicle}.",
        "It was shot in {number} weeks in {town} and in {town}.",
        "The running time is {number} minutes longer than on television.",
        "The credits thank a {job}, a {job} and the {place} of {town}.",
        "{number} {food} vendors and a {animal} were hired for the {event}.",
        "The set, a {place} of {stuff} and {stuff}, was built by a {job}.",
        "We sat in row {number} and shared some {food}.",
        "My seat was near the exit, next to a {neutral} {job} with a {object}.",
    ),
)

# Opinions by rule: (pattern, which of the two decides). A always comes first.
RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "negation": (
        ("{film} is {A} and not at all {B}", "A"),
        ("{film} is not {A} but {B}", "B"),
        ("{A} is what {film} is, and {B} is what it is not", "A"),
        ("{A} is what {film} is not, and {B} is what it is", "B"),
        ("{film} never feels {A} and always feels {B}", "B"),
        ("{film} always feels {A} and never feels {B}", "A"),
    ),
    "contrast": (
        ("although {A_clause}, {B_clause}", "B"),
        ("{A_clause}, although {B_clause}", "A"),
        ("despite the {A} {aspect}, {film} is {B}", "B"),
        ("{film} is {A} despite the {B} {aspect}", "A"),
        ("the {A} {aspect} aside, {film} is {B}", "B"),
        ("{film} is {A}, the {B} {aspect} aside", "A"),
    ),
    "retraction": (
        ("at first {I} thought that {A_clause}, but {I} was wrong and {film} is {B}", "B"),
        ("{I} took {film} for {A} at first and later saw that it is {B}", "B"),
        ("{I} would admit that {film} is {A} and take back having called it {B}", "A"),
        ("{I} would take back having called {film} {A} and admit that it is {B}", "B"),
        ("{A} was {my} first word for {film}, and {B} is {my} last", "B"),
        ("{A} is {my} last word for {film}, and {B} was {my} first", "A"),
    ),
    "expectation": (
        ("{I} expected something {A} and got something {B}", "B"),
        ("{I} got something {A} and had expected something {B}", "A"),
        ("{film} turned out {A} after a trailer that had looked {B}", "A"),
        ("after a trailer that had looked {A}, {film} turned out {B}", "B"),
        ("{A} is what {I} expected, and {B} is what {I} got", "B"),
        ("{A} is what {I} got, and {B} is what {I} had expected", "A"),
    ),
    "development": (
        ("{film} starts out {A} and ends up {B}", "B"),
        ("the {A} second half makes {me} forget a {B} first half", "A"),
        ("the {A} first half is forgotten once the {B} second half begins", "B"),
        ("{film} is {A} in the end, however {B} the start", "A"),
        ("{A} is how {film} ends, and {B} is how it starts", "A"),
        ("{A} is how {film} starts, and {B} is how it ends", "B"),
    ),
    "preference": (
        ("{film} is more {A} than {B}", "A"),
        ("{film} is less {A} than {B}", "B"),
        ("{I} would call {film} {A} rather than {B}", "A"),
        ("rather than {A}, {I} would call {film} {B}", "B"),
        ("{A} is the right word for {film}, and {B} is the wrong one", "A"),
        ("{A} is the wrong word for {film}, and {B} is the right one", "B"),
    ),
    "choice": (
        ("asked whether {film} is {A} or {B}, {I} would choose the former", "A"),
        ("asked whether {film} is {A} or {B}, {I} would choose the latter", "B"),
        ("of the words {A} and {B}, the first fits {film}", "A"),
        ("of the words {A} and {B}, the second fits {film}", "B"),
        ("{film} could be {A} or {B}, and it is the former", "A"),
        ("{film} could be {A} or {B}, and it is the latter", "B"),
    ),
    "hypothesis": (
        ("{film} would have been {A} with another director, but as it stands it is {B}", "B"),
        ("{film} is {A}, though with another director it might have been {B}", "A"),
        ("{I} wanted to find {film} {A} and could only find it {B}", "B"),
        ("{I} found {film} {A}, no matter how much {I} had wanted to find it {B}", "A"),
        ("{A} is what {film} might have been, and {B} is what it became", "B"),
        ("{A} is what {film} became, and {B} is what it might have been", "A"),
    ),
}

CLAUSE_WITH_ADJECTIVE = "the {aspect} is {adjective}"
CLAUSE_WITH_VERB = "the {aspect} {verb}"

FILM = ("the film", "this film", "the picture", "the movie", "it")
OTHER_FILM = ("it", "that one", "that film")

# Frames that say whose opinion it is, and about which film: OWN for the reviewer's opinion of this film, DECOYS for all
# others. These words come before or after the opinion; if after, a left-to-right reader must revise what was read.
OWN: dict[str, tuple[str, ...]] = {
    "before": (
        "For me, {opinion}.",
        "To my mind, {opinion}.",
        "I left the theater convinced that {opinion}.",
        "My verdict is that {opinion}.",
    ),
    "after": (
        "{opinion}.",
        "{opinion}, if you ask me.",
        "{opinion}, I have to say.",
        "{opinion}, and that is my verdict.",
    ),
}
DECOYS: dict[str, dict[str, tuple[str, ...]]] = {
    "someone": {
        "before": (
            "According to {someone}, {opinion}.",
            "{someone} insists that {opinion}.",
            "If you believe {someone}, {opinion}.",
            "{someone} came home convinced that {opinion}.",
        ),
        "after": (
            "{opinion}, or so {someone} claims.",
            "{opinion}, says {someone}, who walked out early.",
            "{opinion}, if you believe {someone}.",
            "{opinion}, to quote {someone}.",
        ),
    },
    "quotation": {
        "before": (
            'The poster quotes {someone}: "{Opinion}."',
            '{someone} wrote online: "{Opinion}."',
        ),
        "after": (
            '"{Opinion}," wrote {someone} online.',
            '"{Opinion}" is how {someone} put it.',
        ),
    },
    "other_film": {
        "before": (
            "As for {other_film}, {opinion}.",
            "I also watched {other_film}, a different matter: {opinion}.",
            "When I think of {other_film}, {opinion}.",
        ),
        "after": (
            "{opinion}, but that goes for {other_film}.",
            "{opinion}, and now I am talking about {other_film}.",
            "{opinion}, which brings me to {other_film}.",
        ),
    },
}
