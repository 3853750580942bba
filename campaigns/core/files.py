"""Files in the data folder: random names, never a path from outside, readable only by their owner."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 1 << 20
OTHERS = 0o077  # permissions of group and others
# What the app itself creates in the data folder. Other files in it are not touched.
OURS = ("columba.db*", "practice.db*", "secret_key", "watermark*", "files", "media", "log", "run", "redis")


class TooLarge(Exception):
    """The upload is larger than allowed. The part that was written has been removed."""


def write_for_oneself() -> None:
    """Set the umask so that other users cannot read files of this process and its children."""
    os.umask(OTHERS)


def make_private(folder: Path) -> None:
    """Create the data folder if needed, and remove all permissions of others on it and the app's files in it.

    A folder of another user, or one with the sticky bit like /tmp, is left unchanged.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = folder.stat().st_mode
    if not mode & OTHERS or mode & stat.S_ISVTX:
        return  # private already, so that others cannot enter it
    for path in _ours_in(folder):
        with suppress(OSError):  # deleted meanwhile, or owned by another user
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
    """Write a stream to a file with a random name and return its path; raises TooLarge."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (secrets.token_hex(16) + suffix)
    size = 0
    try:
        with path.open("xb") as file:
            while chunk := stream.read(CHUNK_BYTES):
                size += len(chunk)
                if size > limit_bytes:
                    break
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError:  # such as a full disk: the part that was written would stay for good
        path.unlink(missing_ok=True)
        raise
    if size > limit_bytes:
        path.unlink()
        raise TooLarge
    return path
