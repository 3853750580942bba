"""Uploaded bytes to pictures that are safe to serve, by a process with limits (`decoder`)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _

LARGEST_BYTES = 25 * 1000 * 1000
DECODE_S = 60.0
WAIT_S = 30.0
AT_ONCE = 2  # decoders of one web process: each may take 1.5 GB for a moment
DECODER = Path(__file__).with_name("decoder.py")
TYPES = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif"}
REFUSALS = {
    "unknown": _("This file isn't an image that can be used. Upload a JPEG, PNG, GIF, WebP or AVIF file."),
    "pixels": _("This image is too large: at most 50 megapixels. Make it smaller and upload it again."),
    "frames": _("This animation is too long: at most 300 frames and 60 megapixels in all. Shorten it."),
    "damaged": _("This image is damaged or incomplete. Export it again and upload the new file."),
    "svg": _("Most email apps don't show SVG. Export the image as PNG and upload that."),
}
_turns = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image made anew; sizes in pixels, `type` a key of TYPES."""

    width: int
    height: int
    type: str
    data: bytes


def make(
    data: bytes, *, crop: tuple[int, int, int, int] | None = None, width: int | None = None
) -> list[Picture]:
    """The picture in up to three widths, widest first; an animation in one.

    `crop` is left, top, width and height in pixels; `width` the widest that is wanted. Raises Invalid(field="file")
    for what is no usable image, and Conflict when too many images are being made.
    """
    if len(data) > LARGEST_BYTES:
        raise Invalid(
            _("This image is larger than 25 MB. Make it smaller and upload it again."), field="file"
        )
    if _is_svg(data):
        raise Invalid(REFUSALS["svg"], field="file")
    if not _turns.acquire(timeout=WAIT_S):
        raise Conflict(_("Many images are being processed. Try again in a moment."))
    try:
        said = _run(data, {"crop": crop, "width": width})
    finally:
        _turns.release()
    return list(_pictures(said))


def _is_svg(data: bytes) -> bool:
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start)


def _run(data: bytes, wishes: dict[str, Any]) -> bytes:
    command = [sys.executable, "-I", str(DECODER), json.dumps(wishes)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=DECODE_S, env={}, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise Invalid(REFUSALS["pixels"], field="file") from error
    if done.returncode:  # killed by a limit, or by a decoder that crashed
        raise Invalid(REFUSALS["damaged"], field="file")
    return done.stdout


def _pictures(said: bytes) -> Iterator[Picture]:
    line, _newline, rest = said.partition(b"\n")
    head = json.loads(line)
    if "error" in head:
        raise Invalid(REFUSALS[head["error"]], field="file")
    at = 0
    for each in head["pictures"]:
        yield Picture(each["width"], each["height"], each["type"], rest[at : at + each["size"]])
        at += each["size"]
