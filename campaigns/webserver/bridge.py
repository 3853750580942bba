"""From the event loop to the app and back: an ASGI application that runs a WSGI one in threads.

The app gets a request once it has arrived completely, and is done once it has written its response: slow
clients occupy no thread. Pages behind links in messages have threads of their own, so that operators'
requests never delay readers.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote_to_bytes

from campaigns.webserver.answers import Answer, ClientGone, Memory
from campaigns.webserver.bodies import Bodies, Body, Gone, Receive, Refused
from campaigns.webserver.connections import Client
from campaigns.webserver.limits import Limits

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

READERS = ("/health", "/o/", "/c/", "/u/", "/p/", "/w/", "/media/")
SENTENCES = {
    408: "The request did not arrive in time.",
    413: "The request is too large.",
    500: "An unexpected error occurred.",
    503: "The server is busy. Try again in a moment.",
}
_log = logging.getLogger(__name__)


class Bridge:
    """The ASGI application; `close` stops its threads."""

    def __init__(self, app: Wsgi, limits: Limits, folder: Path | None = None) -> None:
        self._app = app
        self._limits = limits
        self._folder = folder
        self._bodies = Bodies(limits, folder)
        self._memory = Memory(limits.most_answer_bytes)
        self._pages = Threads(limits.threads, limits.most_waiting, "pages")
        self._readers = Threads(limits.reader_threads, limits.most_waiting, "readers")

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        client: Client = scope["extensions"]["columba"]
        try:
            body = await self._bodies.take(receive, client)
        except Refused as refused:
            await self._refuse(send, refused.status)
            return
        except Gone:
            return
        try:
            await self._answer(scope, body, client, send)
        finally:
            body.close()

    def close(self) -> None:
        for threads in (self._pages, self._readers):
            threads.pool.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, scope: Mapping[str, Any], body: Body, client: Client, send: Send) -> None:
        threads = self._readers if scope["path"].startswith(READERS) else self._pages
        if threads.are_too_busy:
            await self._refuse(send, 503)
            return
        answer = Answer(asyncio.get_running_loop(), self._memory, self._folder)
        threads.begin(lambda: self._ask(scope, body, answer))
        client.watch(answer.give_up)
        try:
            await self._pass_on(client, answer, send)
        finally:
            client.unwatch(answer.give_up)
            answer.give_up()
            await answer.over()  # the thread is done; its files are closed afterwards
            threads.end()
            answer.close()

    def _ask(self, scope: Mapping[str, Any], body: Body, answer: Answer) -> None:
        """In a thread: run the app, whatever it raises. Skips reads whose client has gone."""
        try:
            if answer.is_gone and scope["method"] in ("GET", "HEAD"):
                return
            self._run(environ_of(scope, body), answer)
        except ClientGone:
            return
        except Exception:
            _log.exception("The app did not answer a request")
            answer.fail()
        finally:
            with suppress(ClientGone):
                answer.end()

    def _run(self, environ: dict[str, Any], answer: Answer) -> None:
        def start_response(
            status: str,
            headers: list[tuple[str, str]],
            error: tuple[type[BaseException], BaseException, TracebackType] | None = None,
        ) -> Callable[[bytes], None]:
            answer.start(int(status.split(" ", 1)[0]), headers)
            return answer.write

        chunks = self._app(environ, start_response)
        try:
            for chunk in chunks:
                answer.write(chunk)
        finally:
            if close := getattr(chunks, "close", None):
                close()

    async def _pass_on(self, client: Client, answer: Answer, send: Send) -> None:
        piece, is_last = await answer.piece()
        if answer.is_broken:
            await self._refuse(send, 500)
            return
        if answer.head is None:
            return  # its client has gone
        status, headers = answer.head
        patient = _Patient(send, client, self._limits.reading_s)
        await patient({"type": "http.response.start", "status": status, "headers": headers})
        while not is_last:
            await patient({"type": "http.response.body", "body": piece, "more_body": True})
            piece, is_last = await answer.piece()
        if answer.is_broken:
            client.cut()  # a truncated response must not look complete
        await patient({"type": "http.response.body", "body": piece, "more_body": False})

    async def _refuse(self, send: Send, status: int) -> None:
        body = f"{SENTENCES[status]}\n".encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        headers += [(b"content-length", str(len(body)).encode())]
        if status == 503:
            headers.append((b"retry-after", b"5"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


class Threads:
    """A pool of threads, and the number of requests that wait for one."""

    def __init__(self, number: int, most_waiting: int, name: str) -> None:
        self.pool = ThreadPoolExecutor(number, thread_name_prefix=name)
        self._most = number + most_waiting
        self._asked = 0

    @property
    def are_too_busy(self) -> bool:
        return self._asked >= self._most

    def begin(self, work: Callable[[], None]) -> None:
        """Run `work` in a thread. Call this and `end` from the event loop only."""
        self._asked += 1
        self.pool.submit(work)

    def end(self) -> None:
        """One piece of work is done."""
        self._asked -= 1


class _Patient:
    """Sends to a client as long as it accepts something now and then; otherwise cuts its connection."""

    def __init__(self, send: Send, client: Client, seconds: float) -> None:
        self._send = send
        self._client = client
        self._seconds = seconds

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if self._client.reads:
            await self._send(message)  # does not wait
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            self._client.cut()


def environ_of(scope: Mapping[str, Any], body: Body) -> dict[str, Any]:
    """The request as a WSGI environ (PEP 3333): text is bytes decoded as Latin-1."""
    server, client = scope.get("server") or ("localhost", None), scope.get("client") or ("", 0)
    found: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme") or "http",
        "wsgi.input": body.rewound(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name:
            continue  # X_Forwarded_For must not pass for X-Forwarded-For
        key, text = _key(name.decode("latin-1")), value.decode("latin-1")
        found[key] = f"{found[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}" if key in found else text
    if "CONTENT_LENGTH" in found or body.size:
        found["CONTENT_LENGTH"] = str(body.size)  # set for chunked bodies too
    return found


def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
