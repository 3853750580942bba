"""Limits on time and size for clients. Units are in the names."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process of the web server allows its clients."""

    # Until the head of a request is complete, from connecting or from the first byte after a response.
    head_s: float = 10.0
    largest_head_bytes: int = 64 * 1024
    idle_s: int = 15  # between two requests on a connection
    # A body may take this long, plus a second for each `slowest_bytes_per_s` bytes.
    body_s: float = 15.0
    slowest_bytes_per_s: int = 1024
    largest_body_bytes: int = 256 * 1024 * 1024
    most_body_bytes: int = 1024 * 1024 * 1024  # of all requests together, on disk
    most_answer_bytes: int = 64 * 1024 * 1024  # of all responses together, in memory; beyond that on disk
    # As long as a client may leave 64 KiB of a response unread.
    reading_s: float = 60.0
    most_connections: int = 8192
    # Threads for operators' pages, and those reserved for readers of messages and for monitors.
    threads: int = 8
    reader_threads: int = 4
    most_waiting: int = 512  # requests waiting for a thread, of each kind; beyond that the response is 503


def most_connections(wanted: int) -> int:
    """`wanted`, limited by the open files of the process, minus some for databases and bodies."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted * 2 + 256
    if soft != resource.RLIM_INFINITY and soft < enough:
        wished = enough if hard == resource.RLIM_INFINITY else min(hard, enough)
        with suppress(OSError, ValueError):  # the limit may be set from outside
            resource.setrlimit(resource.RLIMIT_NOFILE, (wished, hard))
            soft = wished
    return wanted if soft == resource.RLIM_INFINITY else max(64, min(wanted, (soft - 128) // 2))
