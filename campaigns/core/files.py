"""Files in the data folder: random names, never a path from outside, readable for their owner alone."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 1 << 20
OTHERS = 0o077  # what group and others might do
# What the app's processes keep in the data folder. Nothing else in it is touched.
OURS = ("columba.db*", "practice.db*", "secret_key", "watermark*", "files", "log", "run", "redis")


class TooLarge(Exception):
    """The upload is larger than allowed; what was written has been removed."""


def write_for_oneself() -> None:
    """Let no file that this process or its children make be read by other users of the machine."""
    os.umask(OTHERS)


def make_private(folder: Path) -> None:
    """Make the data folder if there is none, and close it to others, with all that is in it already.

    A folder of somebody else, or one that all may use like /tmp, stays as it is.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = folder.stat().st_mode
    if not mode & OTHERS or mode & stat.S_ISVTX:
        return  # closed already, and so is the way to what is in it
    for path in _ours_in(folder):
        with suppress(OSError):  # gone meanwhile, or another user's
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
    with suppress(PermissionError):
        folder.chmod(stat.S_IMODE(mode) & ~OTHERS)


def _ours_in(folder: Path) -> Iterator[Path]:
    for pattern in OURS:
        for path in folder.glob(pattern):
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from path.rglob("*")


def keep(stream: BinaryIO, folder: Path, *, suffix: str, limit_bytes: int) -> Path:
    """Store a stream under a new random name and return its path; raises TooLarge."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (secrets.token_hex(16) + suffix)
    size = 0
    with path.open("xb") as file:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            if size > limit_bytes:
                break
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if size > limit_bytes:
        path.unlink()
        raise TooLarge
    return path
