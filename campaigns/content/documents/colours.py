"""Colours: contrast as WCAG 2.2 defines it, and dark counterparts that keep it."""

from __future__ import annotations

import colorsys
import re
from functools import lru_cache

READABLE = 4.5  # contrast of text (WCAG 2.2 section 1.4.3)
_HEX = re.compile(r"#[0-9a-f]{6}", re.I)
_DARK = 0.18  # relative luminance below which a surface counts as dark
_STEPS = 50

WHITE, BLACK = "#ffffff", "#000000"


def is_colour(text: str) -> bool:
    """Whether it is written as `#rrggbb`."""
    return _HEX.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def luminance(colour: str) -> float:
    """Relative luminance, from 0 (black) to 1 (white)."""
    red, green, blue = (_linear(part) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def is_dark(colour: str) -> bool:
    """Whether a surface of that colour is dark already."""
    return luminance(colour) < _DARK


@lru_cache(maxsize=4096)
def readable(colour: str, *surfaces: str) -> str:
    """The colour, made lighter or darker until it reads well on each surface; black or white if none does."""
    if _reads(colour, surfaces):
        return colour
    hue, lightness, saturation = colorsys.rgb_to_hls(*_parts(colour))
    target = 1.0 if sum(map(is_dark, surfaces)) * 2 >= len(surfaces) else 0.0
    for step in range(1, _STEPS + 1):
        moved = lightness + (target - lightness) * step / _STEPS
        found = _hex(colorsys.hls_to_rgb(hue, moved, saturation))
        if _reads(found, surfaces):
            return found
    return max((WHITE, BLACK), key=lambda each: min(contrast(each, surface) for surface in surfaces))


@lru_cache(maxsize=4096)
def on_dark(colour: str, lightness: float, *surfaces: str) -> str:
    """A text's colour for dark surfaces: a tint of it with that lightness, readable on each."""
    hue, own, saturation = colorsys.rgb_to_hls(*_parts(colour))
    tint = _hex(colorsys.hls_to_rgb(hue, max(own, lightness), min(saturation, 0.6)))
    return readable(tint, *surfaces)


@lru_cache(maxsize=4096)
def darkened(surface: str, lightness: float) -> str:
    """A surface for dark mode: the same hue, muted, with that lightness (0 to 1); a dark one stays as it is."""
    if is_dark(surface):
        return surface
    hue, _lightness, saturation = colorsys.rgb_to_hls(*_parts(surface))
    return _hex(colorsys.hls_to_rgb(hue, lightness, min(saturation, 0.25)))


def _reads(colour: str, surfaces: tuple[str, ...]) -> bool:
    return all(contrast(colour, surface) >= READABLE for surface in surfaces)


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(parts: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(min(max(part, 0.0), 1.0) * 255):02x}" for part in parts)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
