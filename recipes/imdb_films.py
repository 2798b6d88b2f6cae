"""Splits IMDB's training reviews by film, so that settings can be chosen on reviews of other films.

    python recipes/imdb_films.py aclImdb_v1.tar.gz films    # writes films/train.jsonl and films/test.jsonl
    recipes/imdb_scratch_cpu.sh films -S data.name=custom   # trains on the one, tests on the other

The official test reviews have other films than the training reviews (Maas et al., ACL 2011). A random validation split
shares its films with the training split, so it favours models that learn the names of films and actors. The archive
names the film of every training review. Of the 25,000 training reviews some 7,500, of about 30 % of the films, become
the test split; IMDB's own test split is not read.
"""

import json
import random
import sys
import tarfile
from collections import defaultdict
from pathlib import Path

HELD_OUT = 0.3  # of the reviews


def read(members: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    """The text of a file in the archive."""
    content = members.extractfile(member)
    assert content is not None
    return content.read().decode()


archive, folder = Path(sys.argv[1]), Path(sys.argv[2])
films: dict[str, list[str]] = {}  # of each label, by the review's number
reviews: dict[tuple[str, int], str] = {}  # by label and number
with tarfile.open(archive) as members:
    for member in members:
        match Path(member.name).parts:
            case [_, "train", "urls_pos.txt" | "urls_neg.txt" as urls]:
                addresses = read(members, member).split()
                films[urls[5:8]] = [address.partition("/usercomments")[0] for address in addresses]
            case [_, "train", "pos" | "neg" as opinion, review]:
                reviews[opinion, int(review.partition("_")[0])] = read(members, member).replace("<br />", " ")

of_film: dict[str, list[dict[str, str]]] = defaultdict(list)
for label, number in sorted(reviews):
    of_film[films[label][number]].append({"label": label, "text": reviews[label, number]})
order = sorted(of_film)
random.Random(1).shuffle(order)
splits: dict[str, list[dict[str, str]]] = {"test": [], "train": []}
for film in order:
    splits["test" if len(splits["test"]) < HELD_OUT * len(reviews) else "train"] += of_film[film]
folder.mkdir(parents=True, exist_ok=True)
for name, rows in splits.items():
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(rows):,} reviews: {folder / name}.jsonl")
