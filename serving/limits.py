"""Lets only well-formed requests of bounded size reach the model; all others are answered with one line of JSON.

MLflow's scoring server accepts tables, parameters and several formats, and if it fails, its answer shows a stack trace
and the input. Here a request is {"inputs": [text, …]}. An error says what is allowed, and does not
quote the request.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal, NamedTuple

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Texts = Literal["none", "one", "several"]

BODY_SECONDS = 30.0  # for the body of a request to arrive
TOO_SLOW = 408
BYTES_OF_A_CHARACTER = 12  # at most in JSON: two escapes, such as \ud83d\ude00
LONGEST_REASON = 4000  # bytes of an error of the application, for the log

LOG = logging.getLogger(__name__)


class Limits(NamedTuple):
    """What one request may hold."""

    texts: int = 256
    characters: int = 20_000  # of one text

    @property
    def body(self) -> int:
        """The limit of a request's body in bytes: 4 MiB, or what one text of so many `characters` needs at most."""
        return max(2**22, BYTES_OF_A_CHARACTER * self.characters + 1024)


class Refused(Exception):
    """A request that does not reach the model: an HTTP status and what is allowed."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Limited:
    """The application `app` behind the limits.

    `routes` says how many texts a request to each path may have: several, one, or none, which is a GET without a body.
    """

    def __init__(self, app: App, routes: dict[str, Texts], limits: Limits) -> None:
        self._app = app
        self._routes = routes
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request; an event of the server's own goes to the application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a websocket
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            body = await self._checked(scope, receive)
        except Refused as refused:
            content = {"error_code": "BAD_REQUEST", "message": str(refused)}
            await answer(send, refused.status, content, last=refused.status == TOO_SLOW)
            return
        except ConnectionError:  # the client has gone
            return
        await self._forward(scope, body, receive, send)

    async def _checked(self, scope: Scope, receive: Receive) -> bytes:
        """Checks the request; returns the body for the application, which contains only the texts."""
        texts = self._routes.get(scope["path"])
        if texts is None:
            raise Refused(404, f"there is no such page; allowed: {', '.join(self._routes)}")
        if scope["method"] != (method := "GET" if texts == "none" else "POST"):
            raise Refused(405, f"this page takes {method} only")
        if texts == "none":
            return b""
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if kind != b"application/json":
            raise Refused(415, "the content type must be application/json")
        if int(_digits(headers.get(b"content-length", b"0"))) > self._limits.body:
            raise Refused(413, f"a request may have at most {self._limits.body:,} bytes")
        try:
            body = await asyncio.wait_for(self._read(receive), BODY_SECONDS)
        except TimeoutError:
            raise Refused(TOO_SLOW, f"the request did not arrive within {BODY_SECONDS:.0f} seconds") from None
        limits = self._limits if texts == "several" else self._limits._replace(texts=1)
        return json.dumps({"inputs": texts_of(body, limits)}).encode()

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError
            body += message.get("body", b"")
            if len(body) > self._limits.body:
                raise Refused(413, f"a request may have at most {self._limits.body:,} bytes")
            if not message.get("more_body"):
                return bytes(body)

    async def _forward(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Calls the application with `body`; if the answer is an error, passes on only its status."""
        headers = [
            (name, value) for name, value in scope["headers"] if name not in (b"content-length", b"content-type")
        ]
        headers += [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
        delivered = started = refused = False
        reason = bytearray()

        async def checked_body() -> Message:
            nonlocal delivered
            if delivered:
                return await receive()
            delivered = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def without_errors(message: Message) -> None:
            nonlocal started, refused
            if message["type"] == "http.response.start":
                started, refused = True, message["status"] >= 400
                if refused:
                    await answer(send, message["status"], FAILED)
            if not refused:
                await send(message)
            elif len(reason) < LONGEST_REASON:
                reason.extend(message.get("body", b""))

        try:
            await self._app({**scope, "headers": headers}, checked_body, without_errors)
        except Exception:
            LOG.exception("%s failed", scope["path"])
            if not started:
                await answer(send, 500, FAILED)
        if refused:
            LOG.error("%s failed: %s", scope["path"], reason[:LONGEST_REASON].decode("utf-8", "replace"))


FAILED = {"error_code": "INTERNAL_ERROR", "message": "the model could not answer; the server's output says why"}


def texts_of(body: bytes, limits: Limits) -> list[str]:
    """The texts of a request.

    Raises:
        Refused: it is no {"inputs": [text, …]} in UTF-8, or exceeds the limits.
    """
    try:
        content = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused(400, 'the body must be JSON in UTF-8: {"inputs": ["a text", …]}') from None
    texts = content.get("inputs") if isinstance(content, dict) and content.keys() == {"inputs"} else None
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise Refused(400, 'the body must be {"inputs": ["a text", …]}, with at least one text and nothing else')
    if len(texts) > limits.texts:
        allowed = "1 text" if limits.texts == 1 else f"{limits.texts:,} texts"
        raise Refused(413, f"this request may have at most {allowed}; it has {len(texts):,}")
    for number, text in enumerate(texts, 1):
        if len(text) > limits.characters:
            most = f"{limits.characters:,} characters"
            raise Refused(413, f"a text may have at most {most}; text {number} has {len(text):,}")
        if not text.isascii() and not _is_encodable(text):
            raise Refused(400, f"text {number} holds half a surrogate pair, which is not a character")
    return texts


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _digits(value: bytes) -> bytes:
    return value if value.isdigit() and len(value) < 19 else b"0"


async def answer(send: Send, status: int, content: dict[str, Any], last: bool = False) -> None:
    """Sends `content` as JSON; with `last`, then closes the connection even if the client is still sending."""
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close")] if last else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
