"""How a document looks: fonts, colours, shapes, header and footer; with defaults for everything."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from campaigns.content.documents import attributes, colours, reading
from campaigns.content.documents.attributes import Attribute, choice, number, text
from campaigns.content.documents.errors import DocumentError
from campaigns.core.i18n import _

# Stacks of fonts that computers and phones have.
_CHINESE = "'PingFang SC','Microsoft YaHei'"
FONTS = {
    "sans": f"-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,{_CHINESE},sans-serif",
    "serif": "Georgia,'Times New Roman','Songti SC',SimSun,serif",
    "mono": f"Menlo,Consolas,'Courier New',{_CHINESE},monospace",
    "humanist": f"Optima,Candara,'Noto Sans',Verdana,{_CHINESE},sans-serif",
    "rounded": f"ui-rounded,'Arial Rounded MT Bold',Quicksand,'Trebuchet MS',{_CHINESE},sans-serif",
}
# What Outlook for Windows shows: it takes Times for a stack whose first font it doesn't have.
OUTLOOK_FONTS = {
    "sans": "Arial,sans-serif",
    "serif": "Georgia,serif",
    "mono": "Consolas,monospace",
    "humanist": "Verdana,sans-serif",
    "rounded": "'Trebuchet MS',sans-serif",
}
COLOURS = {
    "background": "#f4f4f1",
    "content": "#ffffff",
    "text": "#1f2933",
    "heading": "#12202b",
    "link": "#155e75",
    "button": "#155e75",
    "buttonText": "#ffffff",
    "card": "#f2f6f7",
    "border": "#d9dfe2",
}
_ON_DARK = {"text": 0.88, "heading": 0.94, "link": 0.7}  # lightness
RADIUS = {"square": "0", "rounded": "6px", "pill": "28px"}
LARGEST_BYTES = 32 * 1024

_FONT = Attribute(choice(*FONTS), "sans")
_ALIGN = choice("left", "center", "right")


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above the email: a logo, a line of text, or both."""

    logo: str = ""
    logo_alt: str = ""
    logo_width: int = 160
    text: str = ""


@dataclass(frozen=True, slots=True)
class Footer:
    """What stands below the email, before the lines that the app adds."""

    text: str = ""
    align: str = "center"


@dataclass(frozen=True, slots=True)
class Style:
    """A checked style; `dark` has the chosen colours of dark mode, others are derived."""

    body_font: str = "sans"
    heading_font: str = "sans"
    size: int = 16
    width: int = 600
    colours: dict[str, str] = field(default_factory=COLOURS.copy)
    dark: dict[str, str] = field(default_factory=dict)
    button_shape: str = "rounded"
    header: Header = field(default_factory=Header)
    footer: Footer = field(default_factory=Footer)

    def in_the_dark(self) -> dict[str, str]:
        """All colours of dark mode: the chosen ones, and the others derived so that text reads well on them."""
        light = self.colours
        has_ground = light["background"] != light["content"]
        surfaces = {
            "background": colours.darkened(light["background"], 0.07 if has_ground else 0.11),
            "content": colours.darkened(light["content"], 0.11),
            "card": colours.darkened(light["card"], 0.16),
            "border": colours.darkened(light["border"], 0.28),
        } | {
            name: self.dark[name] for name in ("background", "content", "card", "border") if name in self.dark
        }
        on = (surfaces["content"], surfaces["card"])
        words = {name: colours.on_dark(light[name], each, *on) for name, each in _ON_DARK.items()}
        button = self.dark.get("button", light["button"])
        words |= {"button": button, "buttonText": colours.readable(light["buttonText"], button)}
        return surfaces | words | self.dark


def from_json(text: str) -> Style:
    """The style in that JSON text, defaults for an empty one; raises DocumentError with the path."""
    if len(text) > LARGEST_BYTES:
        raise DocumentError("", _("The style is too large. Use at most 32 KB."))
    return checked(reading.loaded(text), "") if text.strip() else Style()


def checked(given: Any, path: str) -> Style:
    """The style in plain data, defaults for what is missing; raises DocumentError with the path."""
    parts = attributes.filled(given, _PARTS, path)
    return Style(
        body_font=parts["fonts"]["body"],
        heading_font=parts["fonts"]["heading"],
        size=parts["size"],
        width=parts["width"],
        colours=parts["colors"],
        dark={name: each for name, each in parts["dark"].items() if each},
        button_shape=parts["button"]["shape"],
        header=Header(
            parts["header"]["logo"],
            parts["header"]["logoAlt"],
            parts["header"]["logoWidth"],
            parts["header"]["text"],
        ),
        footer=Footer(parts["footer"]["text"], parts["footer"]["align"]),
    )


def to_data(style: Style) -> dict[str, Any]:
    """The style as a document has it."""
    header = style.header
    return {
        "fonts": {"body": style.body_font, "heading": style.heading_font},
        "size": style.size,
        "width": style.width,
        "colors": dict(style.colours),
        "dark": dict(style.dark) or None,
        "button": {"shape": style.button_shape},
        "header": {
            "logo": header.logo or None,
            "logoAlt": header.logo_alt,
            "logoWidth": header.logo_width,
            "text": header.text,
        },
        "footer": {"text": style.footer.text, "align": style.footer.align},
    }


def to_json(style: Style) -> str:
    """The style as JSON text."""
    return json.dumps(to_data(style), ensure_ascii=False)


def _part(**known: Attribute) -> Attribute:
    """An object with these attributes."""
    return Attribute(
        lambda value, path: attributes.filled(value, known, path), attributes.filled(None, known, "")
    )


_PARTS = {
    "fonts": _part(body=_FONT, heading=_FONT),
    "size": Attribute(number(12, 24), 16),
    "width": Attribute(number(320, 800), 600),
    "colors": _part(**{name: Attribute(attributes.colour, each) for name, each in COLOURS.items()}),
    "dark": _part(**{name: Attribute(attributes.colour) for name in COLOURS}),
    "button": _part(shape=Attribute(choice(*RADIUS), "rounded")),
    "header": _part(
        logo=Attribute(attributes.source, ""),
        logoAlt=Attribute(text(200), ""),
        logoWidth=Attribute(number(20, 800), 160),
        text=Attribute(text(200), ""),
    ),
    "footer": _part(text=Attribute(text(2000), ""), align=Attribute(_ALIGN, "center")),
}
