"""Files in the data folder: random names, never a path from outside."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 1 << 20


class TooLarge(Exception):
    """The upload is larger than allowed; what was written is gone again."""


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
