"""Runs the web server in this process, or in several that share what was loaded before the fork."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import uvicorn

from campaigns.webserver.bridge import Bridge, Wsgi
from campaigns.webserver.connections import Connection, Waiting
from campaigns.webserver.limits import Limits, most_connections

BACKLOG = 4096
GRACE_S = 8  # for responses under way when the server is asked to stop
SHORTEST_LIFE_S = 1.0
PR_SET_PDEATHSIG = 1


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((host, port))
    found.listen(BACKLOG)
    return found


def serve(app: Wsgi, listener: socket.socket, limits: Limits, folder: Path | None = None) -> None:
    """Serve until a stop signal. `folder`: for large bodies and responses."""
    server, bridge = make(app, limits, folder)
    try:
        server.run(sockets=[listener])
    finally:
        bridge.close()


def make(app: Wsgi, limits: Limits, folder: Path | None = None) -> tuple[uvicorn.Server, Bridge]:
    """The server and its bridge; `Server.run` starts it."""
    limits = replace(limits, most_connections=most_connections(limits.most_connections))
    bridge = Bridge(app, limits, folder)
    waiting = Waiting(limits.most_connections)
    protocol = cast(
        type[asyncio.Protocol], type("Connection", (Connection,), {"limits": limits, "waiting": waiting})
    )
    config = uvicorn.Config(
        bridge,
        http=protocol,
        loop="uvloop",
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.idle_s,
        timeout_graceful_shutdown=GRACE_S,
    )
    return uvicorn.Server(config), bridge


def fork(number: int, work: Callable[[], None]) -> None:
    """Run `work` in that many child processes, and replace each that ends, until a stop signal."""
    children: dict[int, float] = {}
    is_over = False

    def end(*_: object) -> None:
        nonlocal is_over
        is_over = True
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
    while not is_over:
        while len(children) < number and not is_over:
            children[_child(work)] = time.monotonic()
        if not is_over:
            _await_one(children)
    while children:
        end()  # one may have been forked while the signal arrived
        _await_one(children)


def _await_one(children: dict[int, float]) -> None:
    child, _status = os.wait()
    began = children.pop(child, 0.0)
    if time.monotonic() - began < SHORTEST_LIFE_S:
        time.sleep(SHORTEST_LIFE_S)  # a child that cannot start must not be forked in a tight loop


def _child(work: Callable[[], None]) -> int:
    parent = os.getpid()
    if child := os.fork():
        return child
    try:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == parent:
            work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)
