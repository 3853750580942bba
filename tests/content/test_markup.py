"""HTML read without changing it."""

import contextlib
import re

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.content.html import inliner, markup, nesting
from campaigns.content.language.merge_text import ContentError

BITS = st.lists(
    st.sampled_from(
        [
            "<p>",
            "</p>",
            "<a href='x'>",
            "<a href=",
            '"',
            "'",
            ">",
            "<",
            "<!--",
            "-->",
            "<!doctype html>",
            "<style>",
            "</style>",
            "<title>",
            "</title>",
            "<table>",
            "<tr>",
            "<td",
            ' class="a"',
            '<a href="x" title="a>b">',
            '\n b:c-d.e=""',
            "/",
            "=",
            " ",
            "text",
            "&amp;",
            "<body>",
            "</body>",
            "<script>",
            "</script >",
            "<b/>",
            "<b>",
            "</b>",
            "<div>",
            "</div>",
            "</table>",
            "<td>",
            "</td>",
            "<li>",
            "</li>",
            "</tr>",
            "<form>",
            "</form>",
            "<button>",
            "</button>",
            "<select>",
            "</select>",
            "<h1>",
            "</h1>",
            "<i id=a>",
            "<![CDATA[",
            "]]>",
            "<?x",
            "\n",
        ]
    ),
    max_size=30,
).map("".join)
TAGS = ["{% for i in l %}", "{{ i }}", "{% endfor %}", "{% if a %}", "{{ b }}", "{% endif %}"]


def read(html: str) -> list[tuple[object, ...]]:
    return [
        (part.kind, part.start, part.end, part.name, *((a.name, a.start, a.end) for a in part.attributes))
        for part in markup.scan(html)
    ]


@given(BITS)
def test_tags_that_are_read_at_once_are_read_as_those_that_take_their_time(html: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markup, "_QUICK", re.compile(r"(?!)"))
        slowly = read(html)
    assert read(html) == slowly


@given(BITS)
def test_the_parts_of_any_html_are_the_whole_of_it(html: str) -> None:
    assert "".join(html[part.start : part.end] for part in markup.scan(html)) == html


@given(st.lists(st.text(alphabet="abc <>&\"'{}\n", max_size=12), min_size=7, max_size=7))
def test_protected_text_comes_back_as_it_was(texts: list[str]) -> None:
    texts = [re.sub(r"[{}]", "", text) for text in texts]
    source = texts[0] + "".join(tag + text for tag, text in zip(TAGS, texts[1:], strict=True))
    document = markup.protect(source, where="html")
    assert "{" not in document.text
    assert document.restored(document.text) == source


DEEP = [
    "<div>",
    "<b>",
    "<b id=x>",
    "<table><td>",
    "<ul><li>",
    "<svg><g>",
    "<template>",
    "<div><table><td></div></td></table>",
    "<svg><style><g>",
    "<div></x>",
    "<!--a--!><div>",
    "<p><div></p>",
    "<div><td></div>",
    "<span/>",
]


@pytest.mark.parametrize("bit", DEEP)
def test_html_too_deep_for_native_code_never_gets_there(bit: str) -> None:
    document = markup.protect("<style>p{color:red}</style>" + bit * 30_000, where="html")
    with contextlib.suppress(ContentError):
        inliner.inline(document)


@given(BITS)
def test_html_is_never_deeper_than_it_is_counted(html: str) -> None:
    if nesting.has_foreign_elements(markup.scan(html)):
        return
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    assert _depth(tree) <= 2 * _counted(html) + 4


@pytest.mark.parametrize(
    "html",
    [
        "<p>one" * 2000,
        "<table>" + "<tr><td>a<td>b" * 2000 + "</table>",
        "<ul>" + "<li>a" * 2000 + "</ul>",
        "<div><p>a</div>" * 2000,
        "<table><tr><td>" * 40 + "</table>" * 40,
        "<br><img src=x>" * 2000,
    ],
)
def test_long_html_is_not_deep(html: str) -> None:
    assert not nesting.is_too_deep(html, markup.scan(html))


def _depth(element) -> int:
    return 1 + max((_depth(child) for child in element), default=0)


def _counted(html: str) -> int:
    open_elements: list[str] = []
    most = 0
    for part in markup.scan(html):
        if part.kind == "start" and part.name not in markup.VOID:
            nesting._open(open_elements, part.name)
        elif part.kind == "end":
            nesting._close(open_elements, part.name)
        most = max(most, len(open_elements))
    return most


def test_a_very_broken_document_keeps_its_tags_in_place_by_staying_as_it_is() -> None:
    head = "<html><head><style>p{color:red}</style></head>"
    html = head + "<body><table>{% if a %}<b><p>{% endif %}x</table></body></html>"
    document = markup.protect(html, where="html")
    inliner.inline(document)
    restored = document.restored(document.text)
    assert restored.index("{% if a %}") < restored.index("{% endif %}")
