"""Where image files are kept: the disk, or an S3 bucket if one is set up. Names are ours, never from outside."""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from campaigns.core.errors import Conflict, NotFound
from campaigns.core.i18n import _

OBJECT = re.compile(r"[0-9a-f]{40}\.(?:jpg|png|gif)")
FULL = {errno.ENOSPC, errno.EDQUOT}


class Unavailable(Conflict):
    """The store can't be used now; nothing was changed."""


class Store(Protocol):
    """What images need of a store. Each method raises Unavailable when the store can't be used."""

    def put(self, name: str, data: bytes, content_type: str) -> None:
        """Keep the bytes under this name, whole or not at all."""

    def get(self, name: str) -> bytes:
        """The bytes; raises NotFound."""

    def delete(self, name: str) -> None:
        """Remove the file; nothing happens if there is none."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    def path(self, name: str) -> Path | None:
        """The file on this machine; None if it is elsewhere."""


class Disk:
    """Files in a folder, spread over 256 folders by the beginning of their names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, data: bytes, content_type: str) -> None:
        target = self._place(name)
        partial = target.with_name(f".{secrets.token_hex(8)}.partial")
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(partial, data)
            partial.replace(target)
            _sync_folder(target.parent)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise _refusal(error) from error

    def get(self, name: str) -> bytes:
        try:
            return self._place(name).read_bytes()
        except FileNotFoundError as error:
            raise missing() from error
        except OSError as error:
            raise _refusal(error) from error

    def delete(self, name: str) -> None:
        try:
            self._place(name).unlink(missing_ok=True)
        except OSError as error:
            raise _refusal(error) from error

    def exists(self, name: str) -> bool:
        return self._place(name).is_file()

    def path(self, name: str) -> Path | None:
        return self._place(name)

    def _place(self, name: str) -> Path:
        if not OBJECT.fullmatch(name):
            raise missing()
        return self.folder / name[:2] / name


def missing() -> NotFound:
    """The error for a file that isn't there."""
    return NotFound(_("This image doesn't exist."))


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refusal(error: OSError) -> Unavailable:
    if error.errno in FULL:
        return Unavailable(_("The disk is full. The image wasn't saved. Free some space and try again."))
    return Unavailable(
        _("The folder of images can't be used. Ask an admin to check the permissions of DATA_DIR.")
    )
