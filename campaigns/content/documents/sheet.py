"""The style sheets of a document: one is copied into the elements before it goes out, one stays in the head."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from campaigns.content.documents import colours
from campaigns.content.documents.style import FONTS, OUTLOOK_FONTS, RADIUS, Style

GAP = 16  # pixels between two blocks
GUTTER = 12  # pixels beside each column
SIDE = 24  # pixels between the text and the edge of the email
_SEEN = 1.7  # contrast of a button with what is around it
_HEADINGS = {"h1": 1.75, "h2": 1.3125, "h3": 1.125}  # times the size of the text


def for_all(style: Style, *, cards: Mapping[str, str], text_colours: Iterable[str]) -> str:
    """The rules for every client. They are also copied into the elements.

    `cards`: the class of each card by its background; `text_colours`: the colours that pieces of text have.
    """
    light = style.colours
    rules = [
        _base(style),
        _coloured(light),
        *(_on_card(f".{name}", light, background) for background, name in cards.items()),
        *(f".c{each[1:]}{{color:{each}}}" for each in sorted(text_colours)),
    ]
    return "\n".join(rules)


def for_some(style: Style, *, cards: Mapping[str, str], text_colours: Iterable[str]) -> str:
    """The rules for phones, dark mode and the footer that the app adds, which stay in the head."""
    dark = style.in_the_dark()
    ground = style.colours["background"]
    in_dark = [
        _surfaces(dark),
        _coloured(dark),
        *(_on_card(f".{name}", dark, _in_dark(style, background)) for background, name in cards.items()),
        *(
            f".c{each[1:]}{{color:{colours.readable(each, dark['content'], dark['card'])}}}"
            for each in sorted(text_colours)
        ),
    ]
    important = "\n".join(_important(each) for each in in_dark)
    small = muted(ground, colours.readable(style.colours["heading"], ground))
    return (
        f".mail-footer,.mail-footer a{{color:{small}!important}}"
        "\n@media (max-width:480px){.m h1{font-size:26px!important}.k{padding:16px 16px 2px!important}}"
        f"\n@media (prefers-color-scheme: dark){{\n{important}\n}}\n{_for_outlook_com(important)}"
    )


def for_outlook(style: Style) -> str:
    """What only Outlook for Windows reads: fonts that it has."""
    body, heading = OUTLOOK_FONTS[style.body_font], OUTLOOK_FONTS[style.heading_font]
    return (
        f"<!--[if mso]><style>td,p,li,a{{font-family:{body}!important}}"
        f"h1,h2,h3{{font-family:{heading}!important}}</style><![endif]-->"
    )


def muted(surface: str, colour: str) -> str:
    """The colour of small print on a surface."""
    return colours.readable("#6b7680", surface) if colours.contrast(colour, surface) >= 7 else colour


def _base(style: Style) -> str:
    body, size = FONTS[style.body_font], style.size
    heading = "" if style.heading_font == style.body_font else f"font-family:{FONTS[style.heading_font]};"
    headings = "".join(f".m {name}{{font-size:{round(size * times)}px}}" for name, times in _HEADINGS.items())
    return (
        f".x{{margin:0 0 {GAP}px}}\n"
        f".t,.f,.e,.i{{font-family:{body};font-size:{size}px;line-height:1.55;word-break:break-word}}\n"
        f".t{{padding:0 {SIDE}px}}.i{{padding:0 {SIDE}px {GAP}px}}.n{{padding:4px {SIDE}px {GAP + 4}px}}\n"
        f".m p,.m ul,.m ol,.m blockquote,.m pre{{margin:0 0 {GAP}px}}\n"
        f".m h1,.m h2,.m h3{{margin:0 0 12px;{heading}font-weight:700;line-height:1.25}}{headings}\n"
        ".m ul,.m ol{padding:0 0 0 26px}.m li{margin:0 0 6px}.m li p,.m li ul,.m li ol{margin:0}\n"
        ".m .r{text-align:right}.m .j{text-align:center}\n"
        ".m blockquote{padding:0 0 0 16px;border-left:3px solid}.m blockquote p{margin:0 0 8px}\n"
        ".m pre,.m code{font-family:Menlo,Consolas,'Courier New',monospace;font-size:0.9em}\n"
        ".m pre{padding:12px 16px;border-radius:6px;white-space:pre-wrap}\n"
        ".i img,.e img{border:0;height:auto;max-width:100%;vertical-align:top;font-size:14px}.i .q{border-radius:8px}\n"
        f".b{{border-radius:{RADIUS[style.button_shape]};mso-padding-alt:12px 26px}}"
        f".b a{{display:block;padding:12px 26px;font-family:{body};font-size:{size}px;line-height:1.25;"
        "font-weight:600;text-align:center;text-decoration:none}\n"
        f".l .t{{padding:0 {GUTTER}px}}.l .i{{padding:0 {GUTTER}px {GAP}px}}.l .n{{padding:4px {GUTTER}px {GAP + 4}px}}\n"
        f".k{{padding:20px {SIDE}px 4px;border-radius:{_corner(style)}}}.k .t{{padding:0}}\n"
        f".k .i{{padding:0 0 {GAP}px}}.k .n{{padding:4px 0 {GAP + 4}px}}\n"
        f".d{{border-top:1px solid;font-size:1px;line-height:1px}}\n"
        f".s a{{white-space:nowrap}}.e{{padding:24px {SIDE}px 20px;font-weight:700}}\n"
        f".f{{padding:20px {SIDE}px 0;font-size:13px;line-height:1.5}}"
    )


def _corner(style: Style) -> str:
    return "0" if style.button_shape == "square" else "8px"


def _coloured(of: Mapping[str, str]) -> str:
    """Colours of text, links, buttons and lines."""
    ground, outline = of["background"], colours.readable(of["button"], of["content"])
    above = colours.readable(of["heading"], ground)
    return (
        f".t,.i{{color:{of['text']}}}.m h1,.m h2,.m h3{{color:{of['heading']}}}.m a,.i a{{color:{of['link']}}}\n"
        f".m blockquote,.d{{border-color:{of['border']}}}.m pre{{background-color:{of['card']};color:{of['text']}}}\n"
        f".v{{background-color:{of['button']}}}.v a{{color:{of['buttonText']}}}\n"
        f".o{{border:2px solid {outline}}}.o a{{color:{outline}}}\n"
        f".e,.e a{{color:{above}}}.f,.f a,.mail-footer,.mail-footer a{{color:{muted(ground, above)}}}"
    )


def _surfaces(dark: Mapping[str, str]) -> str:
    return (
        f"body,.g{{background:{dark['background']};background-color:{dark['background']}}}"
        f".p,.p>table{{background:{dark['content']};background-color:{dark['content']}}}"
    )


def _on_card(card: str, of: Mapping[str, str], background: str) -> str:
    """A card's surface, and colours that read well on it."""
    words, heading, link = (_words_on(background, of[name]) for name in ("text", "heading", "link"))
    outline = colours.readable(of["button"], background)
    button, on_button = _button_on(background, of)
    return (
        f"{card} .v{{background-color:{button}}}{card} .v a{{color:{on_button}}}"
        f"{card}{{background-color:{background}}}{card} .t,{card} .i{{color:{words}}}"
        f"{card} .m h1,{card} .m h2,{card} .m h3{{color:{heading}}}{card} .m a,{card} .i a{{color:{link}}}"
        f"{card} .o{{border-color:{outline}}}{card} .o a{{color:{outline}}}"
    )


def _button_on(background: str, of: Mapping[str, str]) -> tuple[str, str]:
    """A filled button's colours on a surface; reversed where it would not be seen."""
    if colours.contrast(of["button"], background) >= _SEEN:
        return of["button"], of["buttonText"]
    button = colours.WHITE if colours.is_dark(background) else of["text"]
    return button, colours.readable(of["button"], button)


def _words_on(background: str, colour: str) -> str:
    """The colour if it reads well there; else a tint of it, or on a light surface a shade."""
    if colours.contrast(colour, background) >= colours.READABLE or not colours.is_dark(background):
        return colours.readable(colour, background)
    return colours.on_dark(colour, 0.94, background)


def _in_dark(style: Style, background: str) -> str:
    """A card's background in dark mode: the style's own for its cards, else one of the same hue."""
    if background == style.colours["card"]:
        return style.in_the_dark()["card"]
    return colours.darkened(background, 0.2)


def _important(rule: str) -> str:
    return rule.replace(";", "!important;").replace("}", "!important}")


def _for_outlook_com(rules: str) -> str:
    """The same rules where Outlook.com and its apps have turned an email dark: they mark its elements then."""
    selectors_and_bodies = []
    for rule in rules.replace("\n", "").split("}"):
        selectors, _brace, body = rule.partition("{")
        if body:
            marked = ",".join(f"[data-ogsc] {each}" for each in selectors.split(","))
            selectors_and_bodies.append(f"{marked}{{{body}}}")
    return "\n".join(selectors_and_bodies)
