"""A running test inbox for tests: a real SMTP server on loopback."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from campaigns.core.config import Config
from campaigns.practice import server


@contextmanager
def running_mailbox(config: Config) -> Iterator[Config]:
    """Yields the configuration with the port on which the mailbox listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        config = dataclasses.replace(config, practice_port=free.getsockname()[1])
    stop = threading.Event()
    thread = threading.Thread(target=server.run, args=(config, stop))
    thread.start()
    try:
        _await_answer(config.practice_port)
        yield config
    finally:
        stop.set()
        thread.join(5)
    assert not thread.is_alive()


def _await_answer(port: int) -> None:
    for _attempt in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError("the test inbox did not start")
