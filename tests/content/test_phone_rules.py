"""Rules for phones that lose to what the inliner copies into the elements."""

from __future__ import annotations

import pytest

from campaigns.content.html import markup, phone_rules


def lost(css: str, body: str) -> list[tuple[str, str]]:
    html = f"<html><head><style>{css}</style></head><body>{body}</body></html>"
    return [(each.selector, each.name) for each in phone_rules.lost(markup.protect(html, where="html"))]


@pytest.mark.parametrize(
    ("css", "body", "expected"),
    [
        (".a{text-align:left} @media(max-width:9px){.a{text-align:center}}", "<p class=a>x</p>", True),
        (
            "@media (max-width:9px) { p.a { padding: 0 } }",
            '<p class="a b" style="padding-left:1px">x</p>',
            True,
        ),
        ("@media (max-width:9px) { .a { padding-left: 0 } }", '<p class="a" style="padding:1px">x</p>', True),
        ("#a{color:red} @media screen{td .b, #a{color:blue;}}", '<p id="a">x</p>', True),
        (
            ".a{text-align:left} @media(max-width:9px){.a{text-align:center !important}}",
            "<p class=a>x</p>",
            False,
        ),
        (
            ".a{text-align:left} @media(max-width:9px){.a{text-align:center ! IMPORTANT}}",
            "<p class=a>x</p>",
            False,
        ),
        (".a{text-align:left} @media(max-width:9px){.a{width:100%}}", "<p class=a>x</p>", False),
        (".a{text-align:left} @media(max-width:9px){.b{text-align:center}}", "<p class=a>x</p>", False),
        (".a{text-align:left} /* @media(max-width:9px){.a{text-align:center}} */", "<p class=a>x</p>", False),
        (".a{text-align:left} .a:hover{text-align:center}", "<p class=a>x</p>", False),
        ("@media{.a{color", "<p class=a>x</p>", False),
    ],
)
def test_a_rule_without_important_loses_to_a_style_of_the_element(
    css: str, body: str, expected: bool
) -> None:
    assert bool(lost(css, body)) is expected


def test_each_rule_is_named_once_with_its_place() -> None:
    css = ".a{color:red}\n@media screen{\n.a{color:blue}\n}\n@media print{.a{color:blue}}"
    html = f"<html><head><style>{css}</style></head><body><p class=a>x</p><p class=a>y</p></body></html>"
    document = markup.protect(html, where="html")
    (found,) = phone_rules.lost(document)
    assert markup.Lines(document).at(found.position) == 3
