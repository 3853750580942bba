"""A file in slices, read ahead: while the database works on one slice, a thread reads the next."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

from campaigns.audience.imports.files.reasons import RowReason
from campaigns.audience.imports.files.rows import RowReader, Taken
from campaigns.audience.imports.files.seen import Seen
from campaigns.core.csvfile import Records

SLICE_BYTES = 8 << 20  # a slice ends when its rows are this long together


class Slice(NamedTuple):
    """Some rows: people, each address once in the whole file, and rows that are refused."""

    good: list[Taken]
    refused: list[tuple[Taken, RowReason]]
    rows: int
    end: int  # where the next slice begins, in bytes


class Slices(AbstractContextManager["Slices"]):
    """The slices of a file from a position; leave it by `with`, which ends the thread."""

    def __init__(self, path: Path, reader: RowReader, *, delimiter: str, start: int, most: int) -> None:
        self._path, self._reader, self._delimiter = path, reader, delimiter
        self._start, self._most = start, most
        self._ready: queue.Queue[Slice | BaseException | None] = queue.Queue()
        self._wanted = threading.Semaphore(1)  # one slice is read ahead, no more: they are large
        self._is_left = threading.Event()
        self._thread = threading.Thread(target=self._work, name="rows", daemon=True)

    def __enter__(self) -> Slices:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_left.set()
        self._wanted.release()
        self._thread.join()

    def __iter__(self) -> Iterator[Slice]:
        while True:
            found = self._ready.get()
            self._wanted.release()
            if found is None:
                return
            if isinstance(found, BaseException):
                raise found
            yield found

    def _work(self) -> None:
        try:
            with self._path.open("rb") as file, closing(Seen(self._path)) as seen:
                self._read(file, seen)
            self._ready.put(None)
        except BaseException as error:
            self._ready.put(error)

    def _read(self, file: BinaryIO, seen: Seen) -> None:
        line = line_at(self._path, self._start)
        records = Records(file, delimiter=self._delimiter, position=self._start, line=line)
        rows = self._reader.rows(records)
        begin = self._start
        while self._may_read() and (taken := _some(rows, begin, self._most)):
            begin = taken[-1].end
            self._ready.put(_sorted(taken, seen))
            del taken

    def _may_read(self) -> bool:
        """Waits until another slice is wanted; False when nobody wants one any more."""
        self._wanted.acquire()
        return not self._is_left.is_set()


def _some(rows: Iterator[Taken], begin: int, most: int) -> list[Taken]:
    taken = []
    for row in rows:
        taken.append(row)
        if len(taken) >= most or row.end - begin >= SLICE_BYTES:
            break
    return taken


def _sorted(taken: list[Taken], seen: Seen) -> Slice:
    repeated = seen.repeated([(row.address_key, row.end) for row in taken if row.reason is None])
    good: list[Taken] = []
    refused: list[tuple[Taken, RowReason]] = []
    for row in taken:
        if row.reason is not None:
            refused.append((row, row.reason))
        elif row.end in repeated:
            refused.append((row, RowReason.DUPLICATE))
        else:
            good.append(row)
    return Slice(good, refused, len(taken), taken[-1].end)


def line_at(path: Path, position: int) -> int:
    """The number of the line that starts at a position."""
    line = 1
    with path.open("rb") as file:
        while position > 0 and (chunk := file.read(min(position, 1 << 20))):
            line += chunk.count(b"\n")
            position -= len(chunk)
    return line
