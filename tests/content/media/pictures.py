"""Images for tests, ordinary and hostile."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

MARK = "Secret Street 5"


def photo(width: int = 1600, height: int = 800, kind: str = "JPEG", **more: Any) -> bytes:
    """A picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), (220, 20, 20))
    image.paste((20, 20, 220), (width // 2, 0, width, height))
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def with_exif(orientation: int, words: str = MARK, kind: str = "JPEG") -> bytes:
    """A picture turned by EXIF, whose EXIF also says where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = words
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return photo(80, 40, kind, exif=exif)


def animation(frames: int, size: int = 40) -> bytes:
    """An animated GIF with frames that all differ."""
    images = [Image.new("RGB", (size, size), (n * 7 % 256, n * 13 % 256, n // 256)) for n in range(frames)]
    file = io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=50, loop=0)
    return file.getvalue()


def bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG of a few KB that claims billions of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
