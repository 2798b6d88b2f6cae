"""Hostile requests by kind, drawn from a seeded generator, and what a server may answer to them.

Each kind is a function that returns the bytes to send. Wherever a request can carry a word, it carries SECRET, which no
answer to a refused request may repeat.
"""

import json
import random
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

SECRET = b"zyzzyva"
MOST_TEXTS, MOST_CHARACTERS = 64, 2000  # of the server under attack
GOOD = json.dumps({"inputs": ["dull"]}).encode()
PLAIN = b"Invalid HTTP request received."  # uvicorn's own answer to what is no HTTP


class Attack(NamedTuple):
    """What is sent, and which statuses may come back, in order; a closed connection has 0."""

    raw: bytes
    statuses: tuple[set[int], ...]


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    head: bytes
    body: bytes


Draw = random.Random
REFUSED = {400, 404, 405, 413, 415}
ANY = REFUSED | {200}


def post(
    body: bytes, kind: bytes = b"application/json", path: bytes = b"/invocations", method: bytes = b"POST"
) -> bytes:
    """A complete request."""
    head = b"%s %s HTTP/1.1\r\nhost: x\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (
        method,
        path,
        kind,
        len(body),
    )
    return head + body


def attack(body: bytes, *statuses: int) -> Attack:
    """The body, sent as it should be to /invocations."""
    return Attack(post(body), (set(statuses),))


def broken_json(draw: Draw) -> Attack:
    whole = bytearray(json.dumps({"inputs": [SECRET.decode(), "a \u00e9 \U0001f4a5"], "x": [1, {"y": None}]}).encode())
    for _ in range(draw.randrange(1, 6)):
        place = draw.randrange(len(whole))
        match draw.randrange(3):
            case 0:
                whole[place] = draw.randrange(256)
            case 1:
                del whole[place]
            case 2:
                whole[place:place] = draw.choice([b"{", b"[", b'"', b",", b"\\", b"\x00", b"/*", b"NaN", b"\xff"])
    return attack(bytes(whole[: draw.randrange(len(whole) + 1)]), 400)


def value(draw: Draw, depth: int = 0) -> Any:
    """Any JSON value."""
    plain: list[Any] = [None, True, -0.0, 10**30, float("nan"), float("-inf"), "", SECRET.decode(), "\ud800", {}, []]
    if depth > 3 or draw.random() < 0.5:
        return draw.choice(plain)
    inner = [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    names = ["inputs", "instances", "dataframe_split", "params", "__proto__", SECRET.decode()]
    return inner if draw.random() < 0.5 else dict(zip(draw.sample(names, len(inner)), inner, strict=True))


def wrong_types(draw: Draw) -> Attack:
    content = draw.choice([{"inputs": value(draw)}, value(draw), {"inputs": ["a"], "params": value(draw)}])
    texts = content.get("inputs") if isinstance(content, dict) and content.keys() == {"inputs"} else None
    good = isinstance(texts, list) and texts and all(isinstance(text, str) and text != "\ud800" for text in texts)
    return attack(json.dumps(content).encode(), 200 if good else 400)


def deep(draw: Draw) -> Attack:
    depth = draw.choice([10, 1_000, 100_000])
    start, end = draw.choice([(b"[", b"]"), (b'{"inputs":', b"}"), (b'{"inputs":[', b"]}")])
    return attack(start * depth + b'"zyzzyva"' + (end * depth if draw.random() < 0.5 else b""), 400)


def numbers(draw: Draw) -> Attack:
    digits = draw.choice(
        [b"1e999", b"-1e999", b"NaN", b"Infinity", b"0x10", b"9" * draw.choice([30, 4000, 5000, 100_000])]
    )
    return attack(b'{"inputs": [' + draw.choice([b"", b'"a", ']) + digits + b"]}", 400)


def encodings(draw: Draw) -> Attack:
    text = b'{"inputs": ["zyzzyva"]}'.decode()
    return attack(
        draw.choice(
            [
                text.encode("utf-16"),
                text.encode("utf-32"),
                b"\xef\xbb\xbf" + text.encode(),
                b'{"inputs": ["zyzzyva \xed\xa0\x80"]}',
                b'{"inputs": ["zyzzyva \xc0\xaf"]}',
                b'{"inputs": ["zyzzyva \\ud83d"]}',
                b'{"inputs": ["\\udca5\\ud83d zyzzyva"]}',
                b'{"inputs": ["zyzzyva \x00"]}',
                b'{"inputs": ["zyzzyva\n"]}',
            ]
        ),
        400,
    )


def odd_texts(draw: Draw) -> Attack:
    """Texts that are nobody's fault: each gets an answer."""
    signs = [
        "\x00",
        "\u202e",
        "\u0000\ufffe",
        "💥",
        "\u0301",
        "\u2028",
        "<script>alert(1)</script>",
        "%s%n{0}",
        "'; --",
        " ",
        "a",
    ]
    texts = [draw.choice(signs) * draw.randrange(60) for _ in range(draw.randrange(1, 5))]
    return attack(json.dumps({"inputs": texts}, ensure_ascii=draw.random() < 0.5).encode(), 200)


def too_much(draw: Draw) -> Attack:
    if draw.random() < 0.05:
        return attack(b'{"inputs": ["' + b"z" * 5_000_000 + b'"]}', 413)
    texts = ["a"] * draw.randrange(MOST_TEXTS + 1, 5_000) if draw.random() < 0.5 else ["zyzzyva" * 300]
    return attack(json.dumps({"inputs": texts}).encode(), 413)


def repeated_keys(draw: Draw) -> Attack:
    return attack(b'{"inputs": ["zyzzyva"], ' * draw.randrange(1, 50) + b'"inputs": 1}', 400)


WRONG_PATHS = (
    *(b"/docs", b"/openapi.json", b"/invocations/", b"//invocations", b"/page.html", b"/zyzzyva?zyzzyva", b"/%00"),
    *(
        b"/../../etc/passwd",
        b"/%2e%2e/%2e%2e/etc/passwd",
        b"/..%5c..%5cwin.ini",
        b"http://zyzzyva/",
        b"/" + b"a" * 5000,
    ),
)


def wrong_page(draw: Draw) -> Attack:
    kind = draw.choice([b"text/csv", b"application/x-parquet", b"multipart/form-data; boundary=zyzzyva", b"", b"\x7f"])
    method = draw.choice([b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"ZYZZYVA", b"GET", b"get"])
    path = draw.choice(WRONG_PATHS)
    raw = draw.choice(
        [post(GOOD, kind), post(GOOD, method=method), post(GOOD, path=path), post(b"", path=path, method=b"GET")]
    )
    return Attack(raw, (REFUSED,))


def cut_off(draw: Draw) -> Attack:
    whole = post(json.dumps({"inputs": [SECRET.decode() * draw.randrange(1, 20)]}).encode())
    return Attack(whole[: draw.randrange(len(whole))], ({0, 400},))


def lengths(draw: Draw) -> Attack:
    length = draw.choice(
        [b"-1", b"+5", b"0x10", b"9" * 30, b"1e3", b"zyzzyva", b"5, 6", b"5\r\ncontent-length: 6", b" "]
    )
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: "
    return Attack(head + length + b"\r\n\r\n" + GOOD, (REFUSED,))


def heads(draw: Draw) -> Attack:
    """Too long, too many, or malformed headers."""
    field = draw.choice(
        [
            b"x: " + b"z" * 100_000 + b"\r\n",
            b"x: zyzzyva\r\n" * 10_000,
            b"zyzzyva\r\n",
            b"x\x00y: zyzzyva\r\n",
            b": zyzzyva\r\n",
            b"x : zyzzyva\r\n",
            b"host: a\r\nhost: zyzzyva\r\n",
            b"x: \x01zyzzyva\r\n",
        ]
    )
    return Attack(b"POST /invocations HTTP/1.1\r\nhost: x\r\n" + field + b"\r\n" + GOOD, (REFUSED,))


def no_http(draw: Draw) -> Attack:
    start = draw.choice(
        [
            b"",
            b"\x16\x03\x01\x02\x00",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /zyzzyva HTTP/9.9\r\n\r\n",
            b"GET /zyzzyva\r\n\r\n",
        ]
    )
    return Attack(start + draw.randbytes(draw.randrange(1, 300)) + b"\r\n\r\n", ({0, 400, 404},))


def chunked(draw: Draw) -> Attack:
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"
    both = draw.random() < 0.2
    good = b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD)
    body, statuses = draw.choice(
        [
            (good, {200}),
            (b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n", {200}),
            (b"zyzzyva\r\n" + GOOD, {0, 400}),
            (b"-5\r\nhello\r\n0\r\n\r\n", {0, 400}),
            (b"f" * 30 + b"\r\nzyzzyva", {0, 400}),
            (b"5;" + b"x" * 100_000 + b"\r\nhello\r\n", {0, 400}),
            (b"5\r\nhelloXX0\r\n\r\n", {0, 400}),
            (b"0\r\n" + b"x: zyzzyva\r\n" * 10_000 + b"\r\n", {0, 400}),
            (b"40\r\nzyzzyva", {0}),
        ]
    )
    return Attack(
        head + (b"content-length: 3\r\n" if both else b"") + b"\r\n" + body, (ANY | {0} if both else statuses,)
    )


def pipelined(draw: Draw) -> Attack:
    """Several requests in one piece; the answers come in their order."""
    single = [
        post(GOOD),
        post(b'{"inputs": 1}'),
        b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n",
        post(GOOD, path=b"/zyzzyva"),
    ]
    order = [draw.randrange(4) for _ in range(draw.randrange(2, 12))]
    return Attack(
        b"".join(single[number] for number in order), tuple({(200, 400, 200, 404)[number]} for number in order)
    )


def upgrades(draw: Draw) -> Attack:
    field = draw.choice(
        [
            b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: eno=\r\n",
            b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: zyzzyva\r\n",
            b"expect: zyzzyva\r\n",
            b"connection: close\r\nx-http-method-override: DELETE\r\nx-forwarded-for: zyzzyva\r\n",
        ]
    )
    return Attack(b"GET /zyzzyva HTTP/1.1\r\nhost: x\r\n" + field + b"\r\n", ({404},))


KINDS: tuple[Callable[[Draw], Attack], ...] = (
    *(broken_json, wrong_types, deep, numbers, encodings, odd_texts, too_much, repeated_keys, wrong_page),
    *(cut_off, lengths, heads, no_http, chunked, pipelined, upgrades),
)


def send(port: int, attack: Attack) -> list[Answer]:
    """The answers; where the server may close the connection instead, this side is closed after the request."""
    received = bytearray()
    with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(ConnectionError):
            connection.sendall(attack.raw)
            if 0 in attack.statuses[0]:
                connection.shutdown(socket.SHUT_WR)
        while len(parsed(bytes(received))) < len(attack.statuses) and (part := connection.recv(65_536)):
            received += part
    return parsed(bytes(received), closed=True)


def parsed(received: bytes, closed: bool = False) -> list[Answer]:
    """The complete responses; one that does not say its length ends when the connection is closed."""
    answers = []
    while received:
        head, found, rest = received.partition(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        size = int(length[0].partition(b":")[2]) if length else len(rest)
        if not found or len(rest) < size or not (length or closed):
            break
        answers.append(Answer(int(head[9:12]), head, rest[:size]))
        received = rest[size:]
    return answers


def check(attack: Attack, answers: list[Answer]) -> None:
    """Each answer has a status that it may have; a refusal is short, one line, and repeats nothing."""
    statuses = [answer.status for answer in answers]
    assert statuses or attack.statuses[0] & {0}, (attack.raw[:300], "no answer")
    for status, allowed in zip(statuses, attack.statuses, strict=False):
        assert status in allowed, (attack.raw[:300], statuses, answers[-1].body[:300])
    assert len(statuses) >= len(attack.statuses) or not statuses
    for answer in answers:
        if answer.status != 200:
            whole = answer.head + answer.body
            assert SECRET not in whole.lower() and b"Traceback" not in whole and b'File "' not in whole
            assert len(whole) < 1000
            if answer.body and PLAIN not in answer.body:  # the connection may be gone before the body
                content = json.loads(answer.body)
                assert set(content) == {"error_code", "message"}
                assert "\n" not in content["message"]
