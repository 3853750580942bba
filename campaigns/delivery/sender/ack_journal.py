"""The ack journal: a file with what a lane handed to the wire and what was answered. It survives the lane.

After `kill -9` the next lane on this host reads it and knows which messages were accepted, which were on the
wire, and which never left. Records are written into a mapped, preallocated file: the kernel keeps them if the
process dies; `sync` once a turn keeps them if the machine does.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from campaigns.core import clock

_BODY = struct.Struct("<QQQHH")
_CHECK = struct.Struct("<I")
RECORD_BYTES = _BODY.size + _CHECK.size
PLACE_BYTES = 2 * RECORD_BYTES  # one record for "handed over", one for the reply
_NOTHING = bytes(PLACE_BYTES)
_HEADER = struct.Struct(
    "<56sd"
)  # id of the boot; boot time in seconds after which the lane hands over no message
_MOMENT = struct.Struct("<d")
HEADER_BYTES = _HEADER.size
SUFFIX = ".acks"
YOUNG_S = 3600
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Mark(IntEnum):
    """How far a message came. ACCEPTED and REFUSED: the server's complete reply was read."""

    HANDED = 1
    ACCEPTED = 2
    REFUSED = 3
    NOT_SENT = 4


class Journal:
    """Written by one lane; each message has a place of its own until the database holds its outcome."""

    def __init__(self, folder: Path, owner: str, *, mails: int) -> None:
        """Makes room for `mails` messages whose outcome the database does not know yet."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path_of(folder, owner)
        size = HEADER_BYTES + mails * PLACE_BYTES
        self._free = [HEADER_BYTES + number * PLACE_BYTES for number in range(mails)]
        self._places: dict[int, int] = {}
        self._number = 0  # order of the records: places are reused
        unborn = self.path.with_suffix(".new")
        self._file = os.open(unborn, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)  # released when this process ends, however it ends
            unborn.rename(self.path)  # the lock comes first: no one may find it unlocked while its lane lives
            # Allocate real blocks: a full disk has to fail here, not on a mapped page later.
            os.posix_fallocate(self._file, 0, size)
            self._map = mmap.mmap(self._file, size)
        except OSError:
            os.close(self._file)
            unborn.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            raise
        self._map[:HEADER_BYTES] = _HEADER.pack(_boot(), 0.0)

    @property
    def is_blank(self) -> bool:
        """Whether no message was ever handed to the wire. A blank journal is evidence too."""
        return self._number == 0

    def lives_until(self, moment: float) -> None:
        """Note the boot time (seconds) after which the lane hands over nothing unless it renews."""
        _MOMENT.pack_into(self._map, HEADER_BYTES - _MOMENT.size, moment)

    def write(self, delivery_id: int, fence: int, mark: Mark, code: int = 0) -> None:
        """Note how far one message came. Raises BufferError when no place is free (see `forget`)."""
        at = self._places.get(delivery_id)
        if at is None:
            if not self._free:
                raise BufferError("no place for one more mail")
            at = self._places[delivery_id] = self._free.pop()
        self._number += 1
        body = _BODY.pack(self._number, delivery_id, fence, mark, code)
        # Beside "handed over", not over it: a process killed halfway must not erase that record.
        at += 0 if mark is Mark.HANDED else RECORD_BYTES
        self._map[at : at + RECORD_BYTES] = body + _CHECK.pack(zlib.crc32(body))

    def forget(self, delivery_ids: Iterable[int]) -> None:
        """The database holds the outcome of these messages: free their places."""
        for delivery_id in delivery_ids:
            at = self._places.pop(delivery_id, None)
            if at is not None:
                self._map[at : at + PLACE_BYTES] = _NOTHING
                self._free.append(at)

    def sync(self) -> None:
        """Write the records to disk, so that they survive a power failure."""
        os.fdatasync(self._file)

    def close(self, *, remove: bool) -> None:
        """Close the file; remove it if the database holds all of it."""
        self._map.close()
        os.close(self._file)
        if remove:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Notes:
    """What a journal says about one lane's messages: the last mark and reply code by (delivery id, fence)."""

    marks: dict[tuple[int, int], tuple[Mark, int]] = field(default_factory=dict)
    # False after a power failure: the last records may be missing, so a missing record proves nothing.
    is_whole: bool = True

    def of(self, delivery_id: int, fence: int) -> Mark | None:
        """How far a message came; None: it never reached the wire."""
        found = self.marks.get((delivery_id, fence))
        return found[0] if found else None

    def code(self, delivery_id: int, fence: int) -> int | None:
        """The server's reply code, if there was a reply."""
        found = self.marks.get((delivery_id, fence))
        return found[1] if found and found[1] else None


def path_of(folder: Path, owner: str) -> Path:
    """The path of the journal of the lane with that name."""
    return folder / (owner.replace("/", "_") + SUFFIX)


def owners(folder: Path) -> set[str]:
    """Names of the lanes that have a journal on this host."""
    return {path.name.removesuffix(SUFFIX) for path in folder.glob("*" + SUFFIX)}


def living(folder: Path) -> set[str]:
    """Names of this host's lanes that may still hand over messages: they lock their journals, and by this
    host's boot time their leases last, whatever any clock says. A lane frozen beyond its lease is not among
    them.
    """
    return {
        path.name.removesuffix(SUFFIX)
        for path in folder.glob("*" + SUFFIX)
        if _lives_until(path) > clock.boot_seconds() and _is_held(path)
    }


def abandoned(folder: Path) -> Iterator[str]:
    """Names of this host's dead lanes. The caller holds each journal's lock until it asks for the next."""
    for path in sorted(folder.glob("*" + SUFFIX)):
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path.name.removesuffix(SUFFIX)
        except BlockingIOError:
            continue
        finally:
            os.close(file)


def read(folder: Path, owner: str) -> Notes | None:
    """The notes of a lane on this host; None when there is no journal."""
    try:
        content = path_of(folder, owner).read_bytes()
    except OSError:
        return None
    header, records = content[:HEADER_BYTES], content[HEADER_BYTES:]
    marks = {(delivery_id, fence): (mark, code) for delivery_id, fence, mark, code in _records(records)}
    return Notes(marks, is_whole=_boot_of(header) == _boot())


def sweep(folder: Path, *, still_needed: set[str]) -> None:
    """Delete journals of lanes that hold no batch any more, except young ones: a lane may be starting."""
    needed = {path_of(folder, owner).name for owner in still_needed}
    for path in folder.glob("*" + SUFFIX):
        if path.name not in needed and time.time() - path.stat().st_mtime > YOUNG_S:
            path.unlink(missing_ok=True)


def _boot() -> bytes:
    return _BOOT.read_bytes().strip() if _BOOT.exists() else b""


def _boot_of(header: bytes) -> bytes:
    return header[: -_MOMENT.size].rstrip(b"\0")


def _lives_until(path: Path) -> float:
    """Seconds of this boot; 0 when the file says nothing about it."""
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
    except OSError:
        return 0.0
    if len(header) < HEADER_BYTES or _boot_of(header) != _boot():
        return 0.0
    moment: float = _HEADER.unpack(header)[1]
    return moment


def _is_held(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _records(content: bytes) -> Iterator[tuple[int, int, Mark, int]]:
    """Every complete record, in the order of writing."""
    found = []
    for start in range(0, len(content) - RECORD_BYTES + 1, RECORD_BYTES):
        body = content[start : start + _BODY.size]
        (check,) = _CHECK.unpack_from(content, start + _BODY.size)
        if any(body) and zlib.crc32(body) == check:
            found.append(_BODY.unpack(body))
    for _number, delivery_id, fence, mark, code in sorted(found):
        yield delivery_id, fence, Mark(mark), code
