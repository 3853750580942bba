"""A host that is unreachable and does not refuse: as behind a firewall or a broken route."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deaf_port(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port whose queue of connections is full, so that connecting gets no answer."""
    with socket.socket() as listening:
        listening.bind((host, port))
        listening.listen(0)
        port = listening.getsockname()[1]
        callers = [socket.socket() for _number in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex((host, port))
        yield port
        for caller in callers:
            caller.close()
