"""HTML read without changing it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from campaigns.content import inliner, markup

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
            "<![CDATA[",
            "]]>",
            "<?x",
            "\n",
        ]
    ),
    max_size=30,
).map("".join)
TAGS = ["{% for i in l %}", "{{ i }}", "{% endfor %}", "{% if a %}", "{{ b }}", "{% endif %}"]


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


def test_a_very_broken_document_keeps_its_tags_in_place_by_staying_as_it_is() -> None:
    head = "<html><head><style>p{color:red}</style></head>"
    html = head + "<body><table>{% if a %}<b><p>{% endif %}x</table></body></html>"
    document = markup.protect(html, where="html")
    inliner.inline(document)
    restored = document.restored(document.text)
    assert restored.index("{% if a %}") < restored.index("{% endif %}")
