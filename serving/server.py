"""Serves the registered model on 127.0.0.1: MLflow's scoring server behind limits, and a page to try it.

    GET /               a page: type a text, see its label, the probabilities, and the words that carried the decision
    POST /invocations   {"inputs": [text, …]} → {"predictions": [{"label": …, "probabilities": {…}}, …]}
    POST /explain       the same with one text → also what each word adds to the log-odds of the label
    GET /ping, /health  200 as soon as the model has answered its first texts
    GET /version        MLflow's version

The server is one process. It binds its port before it warms the model, so that a second server fails early, and
accepts connections afterwards.
"""

import asyncio
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.errors import TrackingError
from core.ports import HOST, opened
from serving.batching import Batched
from serving.limits import BODY_SECONDS, App, Limited, Limits, Message, Texts
from tracking.scoring import python_model_of, scoring_app

PAGE = Path(__file__).with_name("page.html")
ROUTES: dict[str, Texts] = {
    **{"/": "none", "/ping": "none", "/health": "none", "/version": "none"},
    **{"/invocations": "several", "/explain": "one"},
}
# The page runs its own script and style, and loads nothing.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"
THREADS = 64  # requests that are answered at the same time; the others wait
CONNECTIONS = 256  # at the same time; requests of more get status 503
HEAD_SECONDS = 30.0  # for the head of a request to arrive
ANSWER_SECONDS = 30.0  # for the client to read an answer, beyond what the system buffers
WARMING = ["A film to remember.", "Dull. " * 50]


def serve(model: Any, port: int, limits: Limits) -> None:
    """Serves until SIGINT or SIGTERM, after which requests that have begun are answered.

    Raises:
        ParamsError: the port is in use, or there is no such port.
    """
    with opened(port, "make serve") as place:
        app = application(model, limits)
        asyncio.run(warm(app, limits))
        server_of(app).run(sockets=[place])


def server_of(app: App) -> uvicorn.Server:
    """The server of the application, which cuts off slow clients; its `run` takes the socket."""
    # Explicit, since uvicorn prefers other protocols and loops if they are installed, and these handle hostile
    # requests differently.
    configuration = uvicorn.Config(
        app, http=_Protocol, loop="asyncio", ws="none", limit_concurrency=CONNECTIONS,
        log_level="error", access_log=False, server_header=False,
    )  # fmt: skip
    return _Server(configuration)


class _Protocol(H11Protocol):
    """Closes the connections of slow clients, for which uvicorn would wait for ever.

    The head of a request must arrive within HEAD_SECONDS. If the answer does not wait for the request's body, the body
    must arrive within BODY_SECONDS after the answer; else `Limited` waits for it. The client must read the answer
    within ANSWER_SECONDS, also when the server ends.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # so that `pause_writing` is called whenever something remains to be read
        self._begin_head()
        self._close_in_time()

    def data_received(self, data: bytes) -> None:
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self._begin_head()
        super().data_received(data)  # stops the timer
        waiting = self.conn.their_state is h11.IDLE or self.conn.our_state is h11.DONE
        if waiting and self.timeout_keep_alive_task is None:
            self._close_in_time()

    def on_response_complete(self) -> None:
        if self.conn.their_state is h11.SEND_BODY:
            self._last_moment = self.loop.time() + BODY_SECONDS
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_task = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)  # if it is open

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_task.cancel()

    def _begin_head(self) -> None:
        self._last_moment = self.loop.time() + HEAD_SECONDS

    def _close_in_time(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_at(self._last_moment, self.timeout_keep_alive_handler)


class _Server(uvicorn.Server):
    """Prints the server's address once the server accepts connections."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        use_threads()
        await super().startup(sockets)
        assert sockets is not None
        say_ready(sockets[0].getsockname()[1])


def say_ready(port: int) -> None:
    """Prints the address of the page; whoever started the server may wait for this line."""
    print(f"ready: http://{HOST}:{port}/", flush=True)


def use_threads() -> None:
    """Has the running event loop answer THREADS requests at the same time."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))


def application(model: Any, limits: Limits) -> App:
    """The complete ASGI application, for this or another server; call `warm` first, so that it answers fast.

    Raises:
        TrackingError: the model's code is older than this server.
    """
    python_model = python_model_of(model)
    if not hasattr(python_model.predictor, "classify"):
        raise TrackingError("the champion was registered by an older version of this project; run make register again")
    python_model.predictor = Batched(python_model.predictor)
    app = scoring_app(model)
    _add_page(app, model)
    return Limited(app, ROUTES, limits)


def _add_page(app: FastAPI, model: Any) -> None:
    page = PAGE.read_text(encoding="utf-8")

    @app.get("/")
    async def show() -> HTMLResponse:
        return HTMLResponse(page, headers={"content-security-policy": POLICY})

    @app.post("/explain")
    async def explain(request: Request) -> JSONResponse:
        (text,) = (await request.json())["inputs"]
        return JSONResponse(await asyncio.to_thread(explanation, model, text))


def explanation(model: Any, text: str) -> dict[str, Any]:
    """The prediction for one text, and its words, each with what it adds to the log-odds of the label."""
    predictions: Any = model.predict([text])
    (prediction,) = predictions
    words = [{"word": word, "effect": effect} for word, effect in python_model_of(model).predictor.effects(text)]
    return {**prediction, "words": words}


async def warm(app: App, limits: Limits) -> None:
    """Sends a request to each path that uses the model, so that loops are compiled and libraries are loaded.

    Its texts are cut to the application's limits.

    Raises:
        RuntimeError: the application did not answer with status 200.
    """
    warming = [text[: limits.characters] for text in WARMING[: limits.texts]]
    for path, texts in (("/invocations", warming), ("/explain", warming[:1])):
        body = json.dumps({"inputs": texts}).encode()
        statuses: list[int] = []

        async def receive(body: bytes = body) -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message, statuses: list[int] = statuses) -> None:
            statuses += [message["status"]] if "status" in message else []

        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
        await app({**scope, "http_version": "1.1", "scheme": "http", "root_path": ""}, receive, send)
        if statuses != [200]:
            raise RuntimeError(f"{path} answered its first request with {statuses}")
