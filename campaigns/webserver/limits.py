"""How long and how much a client may take. Units are in the names."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process of the web server grants its clients."""

    # Until the head of a request has come, from the connection or from the first byte after an answer.
    head_s: float = 10.0
    largest_head_bytes: int = 64 * 1024
    idle_s: int = 15  # between two requests of a connection
    # A body may take this long, and a second more for each so many bytes of it.
    body_s: float = 15.0
    slowest_bytes_per_s: int = 1024
    largest_body_bytes: int = 256 * 1024 * 1024
    most_body_bytes: int = 1024 * 1024 * 1024  # of all requests together, on the disk
    most_answer_bytes: int = 64 * 1024 * 1024  # of all answers together, in memory; beyond it on the disk
    # As long as a client may leave 64 KiB of an answer unread.
    reading_s: float = 60.0
    most_connections: int = 8192
    # Threads for operators' pages, and those that nobody but mails' readers and monitors gets.
    threads: int = 8
    reader_threads: int = 4
    most_waiting: int = 512  # requests for a thread, of each kind; beyond them the answer is 503


def most_connections(wanted: int) -> int:
    """As many of these as the process may have files open, with room for databases and bodies."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted * 2 + 256
    if soft != resource.RLIM_INFINITY and soft < enough:
        wished = enough if hard == resource.RLIM_INFINITY else min(hard, enough)
        with suppress(OSError, ValueError):  # what it may have is said from outside
            resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
            soft = wished
    return wanted if soft == resource.RLIM_INFINITY else max(64, min(wanted, (soft - 128) // 2))
