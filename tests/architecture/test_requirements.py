"""The pinned packages are all that is needed, on every Python that the app runs on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
# Debian 12 has 3.11.2. Packages ask for others below and above certain versions.
PYTHONS = ("3.11.0", "3.11.2", "3.11.4", "3.12.0", "3.13.0", "3.14.0")


def pinned(*names: str) -> set[str]:
    """The packages that the files pin, by their normalised names."""
    texts = ((ROOT / name).read_text() for name in names)
    return {canonicalize_name(found) for text in texts for found in PIN.findall(text)}


@cache
def requirements(package: str) -> list[Requirement]:
    """What its metadata names; nothing where it is not installed."""
    try:
        return [Requirement(line) for line in requires(package) or []]
    except PackageNotFoundError:
        return []


def needed(package: str, python: str) -> Iterator[str]:
    """What the package asks for on that Python."""
    short = python.rpartition(".")[0]
    environment = {"python_full_version": python, "python_version": short, "extra": ""}
    for each in requirements(package):
        if each.marker is None or each.marker.evaluate(environment):
            yield canonicalize_name(each.name)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("files", [("requirements.txt",), ("requirements.txt", "requirements-dev.txt")])
def test_each_package_has_what_it_needs_pinned(files: tuple[str, ...], python: str) -> None:
    """pip refuses to install, with hashes, a package that asks for one that is not pinned."""
    known = pinned(*files)
    missing = {(each, name) for each in known for name in needed(each, python) if name not in known}
    assert missing == set()
