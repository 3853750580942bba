"""Debian's packages, fetched and unpacked without being installed.

Installing one mail server removes another and starts it; unpacked side by side they leave the machine as it was.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.servers import cache
from tests.servers.cache import Unfetched

MERGED = ("bin", "sbin", "lib", "lib64")  # links into /usr, as on the system below


def why_not() -> str | None:
    """Why nothing can be fetched with apt here; None when it can."""
    for tool in ("apt-get", "dpkg-deb", "tar"):
        if shutil.which(tool) is None:
            return f"Debian's servers are fetched with {tool}, which is not here."
    if os.geteuid() != 0:
        return "Debian's servers each run as several users, and only root can start them so."
    return None


def fetch(name: str, *packages: str) -> bool:
    """These packages and what they need that is not installed here, unpacked; False when they were, raises Unfetched."""
    if reason := why_not():
        raise Unfetched(reason)
    return cache.fetch(name, what(*packages), lambda folder: _unpack(folder, packages))


def what(*packages: str) -> str:
    """What the unpacked folder is made from: another release of the system makes another."""
    return " ".join((*packages, Path("/etc/os-release").read_text()))


def _unpack(folder: Path, packages: tuple[str, ...]) -> None:
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True)
    options = {
        "Dir::Cache::archives": archives,
        "Debug::NoLocking": "1",  # nothing is installed, so nobody has to wait
        "APT::Sandbox::User": "root",  # which may write to the folder
        "APT::Get::Download-Only": "1",
        "APT::Get::ReInstall": "1",  # or it would leave out what is installed
        "APT::Install-Recommends": "0",
        "Acquire::Retries": "3",
    }
    given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    install = ("apt-get", "-y", "-q", *given, "install", *packages)
    try:
        cache.run(*install, DEBIAN_FRONTEND="noninteractive")
    except Unfetched:  # a fresh machine has no lists, an old one has lists of what is no longer there
        cache.run("apt-get", "-q", "update")
        cache.run(*install, DEBIAN_FRONTEND="noninteractive")
    for link in MERGED:
        (folder / "usr" / link).mkdir(parents=True)
        (folder / link).symlink_to(f"usr/{link}")
    for archive in sorted(archives.glob("*.deb")):
        cache.run("sh", "-c", 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"',
                  "sh", archive, folder)  # fmt: skip
    shutil.rmtree(archives)
