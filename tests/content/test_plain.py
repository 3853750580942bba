"""The text part made from HTML."""

import pytest

from campaigns.content.html import markup, plain
from campaigns.content.language import merge_text


def text(html: str) -> str:
    document = markup.protect(html, where="html")
    return document.restored(plain.to_text(document))


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<h1>Title</h1><p>One<br>two</p><p>three</p>", "Title\n\nOne\ntwo\n\nthree\n"),
        (
            '<p>See <a href="https://a.example/?a=1&amp;b=2">our <b>page</b></a>.</p>',
            "See our page (https://a.example/?a=1&b=2).\n",
        ),
        ('<a href="https://a.example/">https://a.example/</a>', "https://a.example/\n"),
        (
            '<a href="https://a.example/"><img src="x.png" alt="Our shop"></a>',
            "Our shop (https://a.example/)\n",
        ),
        ('<a href="https://a.example/"><img src="x.png"></a>', "https://a.example/\n"),
        ('<a href="mailto:ana@example.org">ana@example.org</a>', "ana@example.org\n"),
        ('<a href="#top">up</a>', "up\n"),
        ("<ul><li>a</li><li>b</li></ul>c", "- a\n- b\n\nc\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        (
            "<head><title>t</title><style>p{}</style></head><p>a &amp; b&nbsp;c</p><script>x</script>",
            "a & b c\n",
        ),
        ('<div style="display:none">hidden <div>deep</div></div><p>seen</p>', "seen\n"),
        ("<!--[if mso]><p>Outlook</p><![endif]--><p>all</p>", "all\n"),
        ("<p>Hi {{ name|default('x') }},</p>", "Hi {{ name|default('x') }},\n"),
        (
            "<table>{% for i in l %}<tr><td>{{ i }}</td></tr>{% endfor %}</table>",
            "{% for i in l %}\n{{ i }}{% endfor %}\n",
        ),
        ("<p>a {% if b %}c {% endif %}d</p>", "a {% if b %}c {% endif %}d\n"),
        (
            "<p>a</p><pre>\n  one\n    two {{ b }}\n\nthree\n</pre><p>c</p>",
            "a\n\n  one\n    two {{ b }}\n\nthree\n\nc\n",
        ),
        ("<table><tr><td>a<td>b<th>c</table>", "a b c\n"),
        ("a<hr>b", "a\n----------\nb\n"),
        ("&#123;&#123; x }}", '{{ "{" }}{ x }}\n'),
    ],
)
def test_html_reads_as_text(html: str, said: str) -> None:
    assert text(html) == said


def test_items_of_a_loop_stand_on_lines_of_their_own() -> None:
    source = text("<p>For you:</p><ul>{% for i in l %}<li>{{ i }}</li>{% endfor %}</ul><p>Bye</p>")
    assert (
        merge_text.parse(source, where="text").render_text({"l": ["a", "b"]})
        == "For you:\n\n- a\n- b\n\nBye\n"
    )
    source = text("<p>Hi</p>{% for i in l %}<p>{{ i }}</p>{% endfor %}<p>Bye</p>")
    assert merge_text.parse(source, where="text").render_text({"l": ["a", "b"]}) == "Hi\n\na\n\nb\n\nBye\n"
    assert merge_text.parse(source, where="text").render_text({"l": []}) == "Hi\n\nBye\n"
