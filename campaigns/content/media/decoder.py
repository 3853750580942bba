"""A process of its own that makes an uploaded image anew: the image on standard input, wishes as JSON in argv[1].

It is run by path and imports nothing of the app, so that it starts quickly and has no secret in memory. It limits its own
memory and time first, because decoders are where hostile images do harm. On standard output: a line of JSON, then the
bytes of each picture named there. A refusal is a line with `error`, one of the words in `imaging.REFUSALS`.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageCms, ImageOps, ImageSequence, UnidentifiedImageError

MEMORY_BYTES = 1536 << 20
CPU_S = 20
MOST_PIXELS = 50_000_000
MOST_FRAMES = 300
MOST_FRAME_PIXELS = 60_000_000  # of all frames together
WIDEST = 2400
NARROWER = (1200, 600)
WIDEST_ANIMATION = 1200
SHORTEST_FRAME_MS = 20
READ = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")


class Refused(Exception):
    """The word for what is wrong."""


def limit() -> None:
    """Take away what decoding needs not: memory, time, files and core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def opened(data: bytes) -> Image.Image:
    """The image, of which only the head has been read; raises Refused by its size and number of frames."""
    try:
        image = Image.open(io.BytesIO(data), formats=READ)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise Refused("unknown") from error
    pixels = image.width * image.height
    if pixels > MOST_PIXELS or min(image.size) < 1:
        raise Refused("pixels")
    for number in range(1, MOST_FRAMES + 1):
        if pixels * number > max(MOST_FRAME_PIXELS, pixels):
            raise Refused("frames")
        try:
            image.seek(number)
        except EOFError:
            image.seek(0)
            return image
    raise Refused("frames")


def upright(image: Image.Image) -> Image.Image:
    """The picture as RGB or RGBA in sRGB, turned as its EXIF says, without anything else of the file."""
    image = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        image = _in_srgb(image, profile, "RGBA" if image.mode == "RGBA" else "RGB")
    plain = image.convert("RGBA" if has_alpha else "RGB")
    bare = Image.new(plain.mode, plain.size)
    bare.paste(plain)
    return bare


def _in_srgb(image: Image.Image, profile: bytes, mode: str) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, srgb, outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # a profile that can't be read: the colors as they are


def cut(image: Image.Image, crop: list[int] | None) -> Image.Image:
    """The part (left, top, width, height) in pixels, as far as it lies in the picture."""
    if not crop:
        return image
    left, top = min(max(crop[0], 0), image.width - 1), min(max(crop[1], 0), image.height - 1)
    right, bottom = min(left + max(crop[2], 1), image.width), min(top + max(crop[3], 1), image.height)
    return image.crop((left, top, right, bottom))


def narrowed(image: Image.Image, width: int) -> Image.Image:
    """The picture at most `width` pixels wide."""
    if image.width <= width:
        return image
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS)


def widths(image: Image.Image, widest: int) -> Iterator[Image.Image]:
    """The picture in each of its widths, widest first."""
    largest = narrowed(image, widest)
    yield largest
    for width in NARROWER:
        if width < largest.width:
            yield narrowed(largest, width)


def still(image: Image.Image, wishes: dict[str, Any]) -> list[tuple[Image.Image, str, bytes]]:
    """(picture, type, bytes) in each width: JPEG for photos, PNG where there is transparency or was a PNG or GIF."""
    source = image.format
    if source == "JPEG":
        image.draft("RGB", (WIDEST * 2, WIDEST * 2)) if not wishes.get("crop") else None
    picture = cut(upright(image), wishes.get("crop"))
    is_photo = picture.mode == "RGB" and source in ("JPEG", "WEBP", "AVIF")
    made = []
    for each in widths(picture, min(int(wishes.get("width") or WIDEST), WIDEST)):
        file = io.BytesIO()
        if is_photo:
            each.save(file, "JPEG", quality=86, optimize=True, progressive=True)
        else:
            each.save(file, "PNG", optimize=each.width * each.height < 4_000_000)
        made.append((each, "jpg" if is_photo else "png", file.getvalue()))
    return made


def animation(image: Image.Image, wishes: dict[str, Any]) -> list[tuple[Image.Image, str, bytes]]:
    """The same as one animated GIF, frame by frame made anew."""
    wide = min(int(wishes.get("width") or WIDEST_ANIMATION), WIDEST_ANIMATION)
    frames, durations = [], []
    loop = int(image.info.get("loop", 0) or 0)
    for frame in ImageSequence.Iterator(image):
        durations.append(max(SHORTEST_FRAME_MS, int(frame.info.get("duration", 100) or 100)))
        frames.append(narrowed(cut(frame.convert("RGBA"), wishes.get("crop")), wide))
    file = io.BytesIO()
    first, *others = frames
    first.info = {}
    first.save(
        file,
        "GIF",
        save_all=True,
        append_images=others,
        duration=durations,
        loop=min(loop, 65535),
        disposal=2,
    )
    return [(first, "gif", file.getvalue())]


def answer(data: bytes, wishes: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """What goes out: the head, and the bytes of the pictures."""
    try:
        image = opened(data)
        make = animation if getattr(image, "n_frames", 1) > 1 else still
        made = make(image, wishes)
    except Refused as refused:
        return {"error": str(refused)}, []
    except MemoryError:
        return {"error": "pixels"}, []
    except Exception:  # decoders raise anything at all
        return {"error": "damaged"}, []
    facts = [
        {"width": each.width, "height": each.height, "type": kind, "size": len(content)}
        for each, kind, content in made
    ]
    return {"pictures": facts}, [content for _each, _kind, content in made]


def main() -> None:
    limit()
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # ours is the limit, and it is refused, not warned of
    head, bodies = answer(sys.stdin.buffer.read(), json.loads(sys.argv[1]))
    out = sys.stdout.buffer
    out.write(json.dumps(head).encode() + b"\n")
    for body in bodies:
        out.write(body)


if __name__ == "__main__":
    main()
