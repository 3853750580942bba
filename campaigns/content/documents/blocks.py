"""The blocks of a document as rows of a layout table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from itertools import groupby

from campaigns.content.documents import inline, sheet, tags
from campaigns.content.documents.inline import literal
from campaigns.content.documents.nodes import Node
from campaigns.content.documents.style import Style

TABLE = '<table role="presentation" border="0" cellpadding="0" cellspacing="0"'
# Names of networks as they call themselves; Chinese readers know some by others.
NETWORKS = {
    "website": ("Website", "网站"),
    "facebook": ("Facebook", "Facebook"),
    "instagram": ("Instagram", "Instagram"),
    "x": ("X", "X"),
    "linkedin": ("LinkedIn", "领英"),
    "youtube": ("YouTube", "YouTube"),
    "tiktok": ("TikTok", "抖音"),
    "mastodon": ("Mastodon", "Mastodon"),
    "bluesky": ("Bluesky", "Bluesky"),
    "threads": ("Threads", "Threads"),
    "github": ("GitHub", "GitHub"),
    "wechat": ("WeChat", "微信"),
    "weibo": ("Weibo", "微博"),
}
ICONS = "/media/social/1/"  # another number when they are drawn anew: they are kept for a year
ICON_SIZE = 32  # pixels; they are drawn at three times that, for sharp screens
_FLOW = frozenset(
    ("heading", "paragraph", "bulletList", "orderedList", "blockquote", "codeBlock")
)  # they share a cell


@dataclass(frozen=True)
class Frame:
    """Where blocks are rendered: `room` is the width in pixels that the block's cell has."""

    style: Style
    room: int
    language: str
    public_url: str
    is_rtl: bool = False
    cards: dict[str, str] = field(default_factory=dict)  # the class of each card by its background

    def card(self, background: str) -> str:
        """The class of cards of that background."""
        return self.cards.setdefault(background, f"k{len(self.cards)}")


def rows(nodes: Sequence[Node], frame: Frame) -> str:
    """The blocks as rows. Blocks of text that follow each other share one."""
    written = []
    for is_flow, group in groupby(nodes, key=lambda node: node.type in _FLOW):
        if is_flow:
            flow = "".join(_FLOWING[node.type](node, frame) for node in group)
            written.append(f'<tr><td class="t m">{flow}</td></tr>')
        else:
            written += [_ROWS[node.type](node, frame) for node in group]
    return "".join(written)


def personal(node: Node, inside: str) -> str:
    """What is only shown to some people."""
    attrs = node.attrs
    condition = tags.condition(attrs["field"], attrs["operator"], attrs["value"])
    return f"{{% if {condition} %}}{inside}{{% endif %}}"


def image_url(source: str, frame: Frame) -> str:
    """Where mail clients find an image."""
    return f"{frame.public_url.rstrip('/')}{source}" if source.startswith("/") else source


def _heading(node: Node, frame: Frame) -> str:
    name = f"h{node.attrs['level']}"
    return f"<{name}{_facing(node, frame)}>{inline.html_of(node.content)}</{name}>"


def _paragraph(node: Node, frame: Frame) -> str:
    inside = inline.html_of(node.content)
    return f"<p{_facing(node, frame)}>{inside or '&nbsp;'}</p>"


def _list(node: Node, frame: Frame) -> str:
    name = "ol" if node.type == "orderedList" else "ul"
    start = node.attrs.get("start", 1)
    items = "".join(
        f"<li>{''.join(_FLOWING[each.type](each, frame) for each in item.content)}</li>"
        for item in node.content
    )
    begins = f' start="{start}"' if start != 1 else ""
    facing = ""
    if inline.dir_of(
        node.content, is_rtl=frame.is_rtl
    ):  # "auto" sees no text: the items have directions of their own
        facing = f' dir="{inline.direction(node.content) or ("rtl" if frame.is_rtl else "ltr")}"'
    return f"<{name}{begins}{facing}>{items}</{name}>"


def _quote(node: Node, frame: Frame) -> str:
    return f"<blockquote>{''.join(_paragraph(each, frame) for each in node.content)}</blockquote>"


def _code(node: Node, _frame: Frame) -> str:
    return f'<pre dir="ltr"><code>{literal("".join(each.text for each in node.content))}</code></pre>'


def _image(node: Node, frame: Frame) -> str:
    attrs = node.attrs
    if not attrs["src"]:
        return ""
    room = frame.room - 2 * sheet.SIDE
    width = min(attrs["width"] or room, room)
    rounded = ' class="q"' if attrs["rounded"] else ""
    grows = "width:100%;" if attrs["width"] is None else ""
    picture = (
        f'<img src="{literal(image_url(attrs["src"], frame))}" alt="{inline.with_tags(attrs["alt"])}" width="{width}"'
        f'{rounded} style="{grows}max-width:100%">'
    )
    if attrs["href"]:
        picture = f"{inline.opened(attrs['href'], utm=attrs['utm'], tracked=attrs['tracked'])}{picture}</a>"
    return f'<tr><td class="i" align="{attrs["align"]}">{picture}</td></tr>'


def _button(node: Node, frame: Frame) -> str:
    attrs = node.attrs
    is_outline = attrs["kind"] == "outline"
    words = inline.html_of(node.content) or "&nbsp;"
    start = inline.opened(attrs["href"], utm=attrs["utm"], tracked=attrs["tracked"])
    colour = "" if is_outline else f' bgcolor="{frame.style.colours["button"]}"'
    width = ' width="100%"' if attrs["full"] else ""
    cell = f'<td class="b {"o" if is_outline else "v"}" align="center"{colour}>{start}{words}</a></td>'
    table = f'{TABLE}{width} style="border-collapse:separate"><tbody><tr>{cell}</tr></tbody></table>'
    align = attrs["align"]
    if align == "left" and inline.direction(node.content) == "rtl":
        align = "right"
    return f'<tr><td class="n" align="{align}">{table}</td></tr>'


def _divider(_node: Node, _frame: Frame) -> str:
    line = f'{TABLE} width="100%"><tbody><tr><td class="d">&nbsp;</td></tr></tbody></table>'
    return f'<tr><td class="i">{line}</td></tr>'


def _spacer(node: Node, _frame: Frame) -> str:
    height = node.attrs["height"]
    return f'<tr><td height="{height}" style="height:{height}px;line-height:{height}px;font-size:1px">&nbsp;</td></tr>'


def _card(node: Node, frame: Frame) -> str:
    background = node.attrs["background"] or frame.style.colours["card"]
    name = frame.card(background)
    inner = replace(frame, room=frame.room - 2 * sheet.SIDE)
    inside = f'{TABLE} width="100%"><tbody>{rows(node.content, inner)}</tbody></table>'
    cell = f'<td class="k {name}" bgcolor="{background}">{inside}</td>'
    surface = f'{TABLE} width="100%" style="border-collapse:separate">'
    return f'<tr><td class="i">{surface}<tbody><tr>{cell}</tr></tbody></table></td></tr>'


def _social(node: Node, frame: Frame) -> str:
    in_chinese, has_icons = frame.language.startswith("zh"), node.attrs["look"] == "icons"
    links = []
    for each in node.attrs["links"]:
        if each["url"]:
            name = escape(NETWORKS[each["network"]][in_chinese])
            shown = _network_icon(each["network"], name, frame) if has_icons else name
            links.append(f"{inline.opened(each['url'], utm=(), tracked=True)}{shown}</a>")
    if not links:
        return ""
    if has_icons:
        return f'<tr><td class="t m s" align="{node.attrs["align"]}"><p>{" &nbsp;".join(links)}</p></td></tr>'
    return f'<tr><td class="t m s" align="{node.attrs["align"]}"><p>{" &nbsp;·&nbsp; ".join(links)}</p></td></tr>'


def _network_icon(network: str, name: str, frame: Frame) -> str:
    """The icon of a network, whose alt text is its name: what the text part and people without images get."""
    url = literal(image_url(f"{ICONS}{network}.png", frame))
    size = f'width="{ICON_SIZE}" height="{ICON_SIZE}"'
    style = f"display:inline-block;width:{ICON_SIZE}px;height:{ICON_SIZE}px;border:0;vertical-align:middle"
    return f'<img src="{url}" alt="{name}" {size} style="{style}">'


def _html(node: Node, _frame: Frame) -> str:
    return f'<tr><td class="t"><div class="x">{node.attrs["source"]}</div></td></tr>'


def _personal(node: Node, frame: Frame) -> str:
    return personal(node, rows(node.content, frame))


def _facing(node: Node, frame: Frame) -> str:
    """The direction of a block's text, and to which side it is set: "left" is the side on which reading begins."""
    align = node.attrs["align"]
    if align == "left" and inline.direction(node.content) == "rtl":
        align = "right"
    side = {"right": ' class="r"', "center": ' class="j"'}.get(align, "")
    return side + inline.dir_of(node.content, is_rtl=frame.is_rtl)


_FLOWING: dict[str, Callable[[Node, Frame], str]] = {
    "heading": _heading,
    "paragraph": _paragraph,
    "bulletList": _list,
    "orderedList": _list,
    "blockquote": _quote,
    "codeBlock": _code,
}
_ROWS: dict[str, Callable[[Node, Frame], str]] = {
    "image": _image,
    "button": _button,
    "divider": _divider,
    "spacer": _spacer,
    "card": _card,
    "social": _social,
    "html": _html,
    "personal": _personal,
}
