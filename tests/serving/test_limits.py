"""Only {"inputs": [text, …]} of bounded size reaches the application; every other answer is one line of JSON."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.limits import Limited, Limits, Message, Receive, Refused, Scope, Send, answer, texts_of

LIMITS = Limits(texts=3, characters=10)
SECRET = "zyzzyva"
HOSTILE: dict[str, tuple[bytes, int, str]] = {  # body, status, a part of the message
    "nothing": (b"", 400, "must be JSON"),
    "no JSON": (SECRET.encode(), 400, "must be JSON"),
    "another encoding": (json.dumps({"inputs": ["a"]}).encode("utf-16"), 400, "must be JSON in UTF-8"),
    "half a character": (b'{"inputs": ["\xc3"]}', 400, "must be JSON in UTF-8"),
    "deep": (b"[" * 100_000, 400, "must be JSON"),
    "a long number": (b'{"inputs": [' + b"9" * 5000 + b"]}", 400, "must be"),
    "a list": (b'["a"]', 400, "and nothing else"),
    "no text": (b'{"inputs": []}', 400, "at least one text"),
    "a text for a list": (b'{"inputs": "zyzzyva"}', 400, '{"inputs": ["a text", …]}'),
    "a number": (b'{"inputs": ["a", 1]}', 400, '{"inputs": ["a text", …]}'),
    "null": (b'{"inputs": [null]}', 400, '{"inputs": ["a text", …]}'),
    "parameters": (b'{"inputs": ["a"], "params": {"zyzzyva": 1}}', 400, "and nothing else"),
    "a table": (b'{"dataframe_split": {"data": [["zyzzyva"]]}}', 400, "and nothing else"),
    "half a surrogate pair": (b'{"inputs": ["a", "\\ud800"]}', 400, "text 2 holds half a surrogate pair"),
    "many texts": (b'{"inputs": ["a", "b", "c", "d"]}', 413, "may have at most 3 texts; it has 4"),
    "a long text": (b'{"inputs": ["a", "zyzzyvazyzz"]}', 413, "may have at most 10 characters; text 2 has 11"),
}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that fails as MLflow's does: with a stack trace and the input."""
    body = (await receive())["body"]
    if b"fail" in body:
        await answer(send, 400, {"stack_trace": "File …", "input": body.decode()})
    elif b"crash" in body:
        raise RuntimeError(body)
    else:
        await answer(send, 200, json.loads(body))


def request(body: bytes, path: str = "/invocations", method: str = "POST", **headers: str) -> tuple[int, str]:
    """The status and body of the answer."""
    fields = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    coded = [(name.encode(), value.encode()) for name, value in fields.items()]
    scope = {"type": "http", "path": path, "method": method, "headers": coded}
    parts = [body[start : start + 1000] for start in range(0, len(body) or 1, 1000)]
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    routes: dict[str, Any] = {"/ping": "none", "/invocations": "several", "/explain": "one"}
    asyncio.run(Limited(echo, routes, LIMITS)(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent).decode()


@pytest.mark.parametrize("case", HOSTILE)
def test_a_bad_request_is_answered_with_what_is_allowed_and_not_quoted(case: str) -> None:
    body, status, part = HOSTILE[case]
    answered, text = request(body)
    content = json.loads(text)
    assert (answered, content["error_code"]) == (status, "BAD_REQUEST")
    assert part in content["message"] and SECRET not in text


def test_a_good_request_reaches_the_application_as_the_texts_alone() -> None:
    assert request(b' {"inputs":\n["a", "\\u00e9"]} ') == (200, json.dumps({"inputs": ["a", "é"]}))
    assert request(b'{"inputs": ["a", "b"]}', "/explain")[0] == 413
    assert request(b'{"inputs": ["a"]}', content_type="application/json; charset=utf-8")[0] == 200


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"path": "/docs"}, 404),
        ({"path": "/invocations/"}, 404),
        ({"method": "GET"}, 405),
        ({"path": "/ping"}, 405),
        ({"content_type": "text/csv"}, 415),
        ({"content_type": ""}, 415),
        ({"content_length": "9999999"}, 413),
    ],
)
def test_another_request_is_refused(how: dict[str, Any], status: int) -> None:
    assert request(b'{"inputs": ["a"]}', **how)[0] == status


def test_a_body_without_a_length_is_read_up_to_the_limit() -> None:
    assert request(b" " * (LIMITS.body + 1)) == (
        413, '{"error_code": "BAD_REQUEST", "message": "a request may have at most 4,194,304 bytes"}'
    )  # fmt: skip


def test_a_text_that_is_allowed_fits_into_a_request_however_it_is_written() -> None:
    limits = Limits(characters=500_000)
    body = json.dumps({"inputs": ["\U0001f600" * limits.characters]})
    assert 2**22 < len(body) <= limits.body


@pytest.mark.parametrize(("text", "status"), [("fail", 400), ("crash", 500)])
def test_what_the_application_says_of_an_error_is_not_passed_on(text: str, status: int) -> None:
    answered, content = request(json.dumps({"inputs": [text]}).encode())
    assert answered == status
    assert json.loads(content)["message"] == "the model could not answer; the server's output says why"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.recursive(st.none() | st.text() | st.floats() | st.integers(), lambda inner: (
    st.lists(inner, max_size=4) | st.dictionaries(st.just("inputs") | st.text(), inner, max_size=3)
)).map(lambda content: json.dumps(content).encode()))  # fmt: skip
def test_whatever_is_sent_the_texts_are_texts_or_it_is_refused(body: bytes) -> None:
    try:
        texts = texts_of(body, LIMITS)
    except Refused as refused:
        assert refused.status in (400, 413)
    else:
        assert 0 < len(texts) <= 3
        assert all(isinstance(text, str) and len(text) <= 10 for text in texts)
