"""Names and folders of images, from whatever a file was called."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

LONGEST_NAME = 200
LONGEST_IN_URL = 60
DEEPEST = 5
LONGEST_FOLDER = 200
UNNAMED = "image"
_ENDING = re.compile(r"\.(?:jpe?g|jfif|png|gif|webp|avif)\Z", re.I)


def clean(filename: str) -> str:
    """What an image is called: the last part of a path, without ending and control characters; never empty."""
    last = re.split(r"[/\\]", filename)[-1]
    printable = _printable(_ENDING.sub("", last)).strip(" .")
    return printable[:LONGEST_NAME].strip() or UNNAMED


def folder(path: str) -> str:
    """A folder like "Newsletter/2026": no empty parts, no dots, at most five deep and 200 characters."""
    parts = (_printable(part).strip(" .") for part in re.split(r"[/\\]", path))
    return "/".join([part for part in parts if part][:DEEPEST])[:LONGEST_FOLDER].strip("/ ")


def in_url(name: str) -> str:
    """The name as the last part of a URL: letters, digits and dashes, percent-encoded."""
    words = re.sub(r"[^\w]+", "-", name.lower()).strip("-_")
    return quote(words[:LONGEST_IN_URL] or UNNAMED)


def _printable(text: str) -> str:
    """Without control characters, and without those that turn the direction of text around."""
    kept = (" " if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") else each for each in text)
    return " ".join("".join(each for each in kept if unicodedata.category(each) != "Cf").split())
