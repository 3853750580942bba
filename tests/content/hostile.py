"""Three hundred emails made to break what reads them: thirty kinds, each in ten sizes and mixtures."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from campaigns.content.formats import Format

VARIANTS = 10
LARGEST = 510 * 1024  # characters: just what is taken


@dataclass(frozen=True)
class Hostile:
    """An email: how it is written (`mjml`: by hand), and what is written."""

    name: str
    format: Format | str
    text: str


def _full(piece: str, share: float = 1.0) -> str:
    """As many of the piece as an email may have, or a share of it."""
    return piece * max(1, int(LARGEST * share / len(piece)))


def _html(dice: random.Random, share: float) -> dict[str, str]:
    pick, number = dice.choice, dice.randrange(2, 400)
    letter = pick("aei0{<&'\"/é你")
    return {
        "unclosed tags": _full(f"<div title={letter!r}>", share),
        "tags that never end": _full('<a href="', share),
        "tags closed twice": _full("<p></p></p>", share),
        "nested tables": "<style>td{color:red}</style>" + "<table><tr><td>" * (number * 10),
        "loops in loops": "{% for a in items %}" * number + letter + "{% endfor %}" * number,
        "conditions in conditions": "{% if a %}" * number + "{% endif %}" * dice.randrange(number),
        "braces": _full(pick(["{{", "{%", "{#", "{", "}}", "{{ {", "{%%}"]), share),
        "filters with huge arguments": "{{ a|default('" + _full(letter.strip("'") or "x", share) + "') }}",
        "chains of filters": "{{ a" + _full("|upper", share) + "}}",
        "expressions": "{{ a" + _full(pick([" and a", "[0]", ".a", "+1", "(", "|default(a)"]), share) + " }}",
        "bait of white space": "<p>a" + _full(pick([" \t", "\n ", "\xa0", "\u2028"]), share),
        "bait of attributes": "<p " + _full(pick(["a ", "a=", "a='", 'a="b" ', "/ ", "= "]), share),
        "bait of addresses": _full(f"https://a.example/({letter}", share),
        "control characters": "".join(chr(dice.randrange(32)) for _each in range(2000)) + "<a href='https://a\x01b/'>",
        "writing backwards": _full("\u202e\u2066<b>\u202c", share) + "{{ a\u202e }}",
        "half characters": "<p>\ud800\udfff\udc00" + _full("\ud83d", share),
        "one long line": "<p>" + "x" * int(LARGEST * share),
        "entity bombs": '<!DOCTYPE a [<!ENTITY a "&b;"><!ENTITY b "&c;">]><p>' + _full("&a;&#0;&#x110000;", share),
        "style sheets that import": "<style>" + _full("@import url(http://127.0.0.1/a.css);", share) + "</style><p>a",
        "style sheets": "<style>" + _full(pick(["a{", "*>*", "a,", "/*", "@media x{", ":not("]), share) + "</style><p>a",
        "a rule for each of many": "<style>" + "".join(f".a{n} *{{color:red}}" for n in range(number)) + "</style>"
        + '<p class="a1">a</p>' * number,
        "base64": "<img src='data:image/png;base64," + base64.b64encode(dice.randbytes(int(350_000 * share))).decode(),
        "conditional comments": _full(pick(["<!--[if a]>", "<!--[if a]><a href=b><![endif]-->", "<![endif]-->"]), share),
        "markup of other kinds": _full(pick(["<svg>", "<math>", "<![CDATA[", "<?x?>", "<title>", "<plaintext>"]), share),
    }  # fmt: skip


def _documents(dice: random.Random, share: float) -> dict[str, str]:
    def document(content: object, **more: object) -> str:
        return json.dumps({"version": 1, "content": content, **more})

    pick = dice.choice
    text = {
        "type": "text",
        "text": pick(["{{ a }}", "<b>", "\u202e", "\u0000", "]]>", "-->", "@@0@@"]) * 50,
    }
    deep: dict[str, object] = {"type": "paragraph"}
    for _each in range(dice.randrange(3, 300)):
        deep = {
            "type": pick(["columns", "column", "card", "bulletList", "listItem"]),
            "content": [deep],
        }
    return {
        "unknown blocks": document([{"type": pick(["script", "__proto__", "", "x" * 9999, "html"])}] * 40),
        "blocks in blocks": document([deep]),
        "many blocks": document([{"type": "paragraph", "content": [text]}] * int(3000 * share)),
        "wrong shapes": document(pick([None, 1, "a", [[]], [None], [1], {"type": "a"}, [{"type": []}]]),
            style=pick([None, 7, "a", {"a": 1}, {"width": 10**9}, {"fonts": "x;}body{"}])),
        "broken JSON": pick(["[" * 90_000, '{"a":' * 9000, '"' + "\\" * 99_999, "{} {}", "NaN",
            '{"version":1e999}', '{"version":1,"version":1}', _full("{}", share)]),
        "attributes": document([{"type": "image", "attrs": {
            "src": pick(["javascript:a", "//a", "https://a\n/", "x" * 9999]), "alt": '"><script>' * 50,
            "width": pick([-1, 10**12, "a", None, 1.5])}},
            {"type": "button", "attrs": {"href": "java\tscript:a"}, "content": [text]}]),
    }  # fmt: skip


def _markdown(dice: random.Random, share: float) -> dict[str, str]:
    pick = dice.choice
    return {
        "Markdown": _full(
            pick(["[", "![a](", "*a_ ", "> ", "- ", "`", "<a ", "[a]: <", "|a", "\\", "{{ a }}*", "(", "_*~"]),
            share,
        ),
        "Markdown in lists": "\n".join("  " * n + "- a" for n in range(int(900 * share))),
    }  # fmt: skip


def _mjml(dice: random.Random, share: float) -> dict[str, str]:
    inner = dice.choice(
        [
            '<mj-include path="/etc/passwd" />',
            '<mj-include path="http://127.0.0.1/" type="css" />',
            "<mj-section>" * 90,
            "<mj-text>{% for a in items %}</mj-text>",
            "<mj-raw><script>a</script></mj-raw>",
            "<mj-unknown a='b'>",
            "<mj-column><mj-text " + "a='b' " * int(9000 * share) + "/></mj-column>",
            "<mj-section><mj-column><mj-text>a</mj-text></mj-column></mj-section>" * int(5000 * share),
        ]
    )
    return {"MJML": f"<mjml><mj-body>{inner}</mj-body></mjml>", "MJML in parts": f"<mjml><mj-body>{inner}"}


Family = Callable[[random.Random, float], dict[str, str]]
FAMILIES: list[tuple[Format | str, Family]] = [
    (Format.HTML, _html),
    (Format.DOCUMENT, _documents),
    (Format.MARKDOWN, _markdown),
    ("mjml", _mjml),
]


def emails() -> Iterator[Hostile]:
    """All of them, the kinds in turn; the same each time."""
    for variant in range(VARIANTS):
        dice = random.Random(variant)
        share = (1.0, 0.5, 0.1, 0.02)[variant % 4]
        for format, family in FAMILIES:
            for name, text in family(dice, share).items():
                yield Hostile(f"{name} {variant}", format, text[: LARGEST + 4000])
