"""Links: what is tracked, what is left alone, what is refused, and that nothing but hrefs changes."""

import pytest

from campaigns.content.compiled import links
from campaigns.content.compiled.links import Links
from campaigns.content.html import markup
from campaigns.content.language.merge_text import ContentError


def tracked(html: str) -> tuple[str, list[str]]:
    document = markup.protect(html, where="html")
    found = Links()
    sent = links.rewrite_html(document, links.tracker(document, found, lambda n: f"https://t.example/{n}"))
    return document.restored(sent), [link.url for link in found.found]


def tracked_text(text: str) -> tuple[str, list[str]]:
    document = markup.protect(text, where="text")
    found = Links()
    sent = links.rewrite_text(document, links.tracker(document, found, lambda n: f"https://t.example/{n}"))
    return document.restored(sent), [link.url for link in found.found]


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ('<a href="https://a.example/">x</a>', "https://a.example/"),
        ("<A CLASS=b HREF='https://a.example/'>x</A>", "https://a.example/"),
        ("<a href=https://a.example/>x</a>", "https://a.example/"),
        ('<a href="https://a.example/?a=1&amp;b=2">x</a>', "https://a.example/?a=1&b=2"),
        ('<a href=" https://a.example/ ">x</a>', "https://a.example/"),
        ('<area href="https://a.example/">', "https://a.example/"),
        ('<!--[if mso]><v:roundrect href="https://a.example/"><![endif]-->', "https://a.example/"),
        ('<!--[if !mso]><!--><a href="https://a.example/">x</a><!--<![endif]-->', "https://a.example/"),
        ('<a href="https://a.example/{{ x }}">x</a>', "https://a.example/{{ x }}"),
        ('<a href="{{ page }}">x</a>', "{{ page }}"),
        (
            '<a href="{% if a %}https://a.example/{% else %}https://b.example/{% endif %}">x</a>',
            "{% if a %}https://a.example/{% else %}https://b.example/{% endif %}",
        ),
        ('<a href="https://bücher.example/ü">x</a>', "https://bücher.example/ü"),
    ],
)
def test_a_web_link_is_tracked(html: str, url: str) -> None:
    sent, found = tracked(html)
    assert "https://t.example/1" in sent
    assert found == [url]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="mailto:ana@example.org">x</a>',
        '<a href="tel:+351123">x</a>',
        '<a href="sms:+351123">x</a>',
        '<a href="#top">x</a>',
        '<a href="">x</a>',
        "<a name=x>x</a>",
        '<a href="{{ unsubscribe_url }}">x</a>',
        '<a href="{{ preferences_url }}">x</a>',
        '<a href="{{ web_view_url }}?a=b">x</a>',
        '<link href="https://a.example/style.css">',
        '<img src="https://a.example/a.png" srcset="https://a.example/b.png 2x">',
        '<td style="background:url(https://a.example/)" background="https://a.example/c.png">x</td>',
        '<!-- <a href="https://a.example/">x</a> -->',
        '<style>a[href="https://a.example/"] { color: red }</style>',
        "https://a.example/ in text",
    ],
)
def test_what_is_no_link_to_the_web_stays_as_it_is(html: str) -> None:
    assert tracked(html) == (html, [])


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "java&#10;script:alert(1)",
        "&#106;avascript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:x",
        "//evil.example/",
        "https://",
        "https:///x",
        "https://good.example@evil.example/",
        "https://a:b@evil.example/",
        "https://a.example\\@evil.example",
        "https://a.example/\x00",
        "https://a.example/\r\nx",
        "https://a.example/\u2028x",
        "https://:80/",
        "https://a.example/" + "x" * 2000,
        "https://{{ x }}@evil.example/",
        "{% if x %}javascript:alert(1){% endif %}",
        "{% if x %}https://a.example/{% else %}javascript:alert(1){% endif %}",
        "https://a.example/{% if x %}",
    ],
)
def test_a_dangerous_link_is_refused(url: str) -> None:
    with pytest.raises(ContentError) as caught:
        tracked(f'<p>\n<a href="{url}">x</a>')
    assert str(caught.value)


def test_one_url_has_one_number_wherever_it_stands() -> None:
    sent, found = tracked(
        '<a href="https://a.example/">x</a><a href="https://b.example/">y</a><a href="https://a.example/">z</a>'
    )
    assert found == ["https://a.example/", "https://b.example/"]
    assert sent.count("https://t.example/1") == 2


def test_only_href_values_change() -> None:
    html = (
        "<!DOCTYPE html>\n<HTML lang=en><Body  bgcolor='#fff'>&nbsp;&copy; <IMG SRC=a.png>\n"
        "<!--[if gte mso 9]><v:rect href='https://a.example/' fill=\"t\"><![endif]--><br/>"
        '<a\n title="a > b" href="https://a.example/" >x</a><unknown attr></Body>'
    )
    sent, found = tracked(html)
    assert sent.replace("https://t.example/1", "https://a.example/") == html
    assert found == ["https://a.example/"]


def test_links_built_from_items_of_a_loop_are_not_tracked_but_escaped() -> None:
    document = markup.protect(
        '{% for i in l %}<a href="https://a.example/{{ i.id }}">x</a>{% endfor %}', where="html"
    )
    found = Links(loop_names=frozenset({"i", "loop"}))
    sent = links.rewrite_html(document, links.tracker(document, found, str))
    assert found.found == ()
    assert "{{ ( i.id )|_url }}" in document.restored(sent)


@pytest.mark.parametrize(
    ("text", "sent", "found"),
    [
        ("See https://a.example/x.", "See https://t.example/1.", ["https://a.example/x"]),
        ("(https://a.example/x)", "(https://t.example/1)", ["https://a.example/x"]),
        ("https://a.example/x_(y)", "https://t.example/1", ["https://a.example/x_(y)"]),
        ("<https://a.example/>", "<https://t.example/1>", ["https://a.example/"]),
        ("https://a.example/{{ x }}, and", "https://t.example/1, and", ["https://a.example/{{ x }}"]),
        (
            "{% if a %}https://a.example/{% endif %}",
            "{% if a %}https://t.example/1{% endif %}",
            ["https://a.example/"],
        ),
        ("请看https://a.example/。", "请看https://t.example/1。", ["https://a.example/"]),
        ("mailto:ana@example.org {{ unsubscribe_url }}", "mailto:ana@example.org {{ unsubscribe_url }}", []),
    ],
)
def test_web_addresses_in_text_are_tracked(text: str, sent: str, found: list[str]) -> None:
    assert tracked_text(text) == (sent, found)


@pytest.mark.parametrize(
    ("url", "values", "leads_to"),
    [
        ("https://a.example/", {}, "https://a.example/"),
        ("https://a.example/?e={{ e }}", {"e": "a&b=c@d/é"}, "https://a.example/?e=a%26b%3Dc%40d%2F%C3%A9"),
        ("https://a.example/{{ e|default('x') }}", {}, "https://a.example/x"),
        ("{{ page }}", {"page": "https://b.example/?a=1&b=2"}, "https://b.example/?a=1&b=2"),
        ("{{ page }}", {"page": "javascript:alert(1)"}, None),
        ("{{ page }}", {"page": "//evil.example"}, None),
        ("{{ page }}", {"page": "https://good.example@evil.example/"}, None),
        ("{{ page }}", {}, None),
        ("https://{{ h }}.a.example/", {"h": "evil.example/"}, "https://evil.example%2F.a.example/"),
        ("{% if v %}https://a.example/{% else %}https://b.example/{% endif %}", {}, "https://b.example/"),
    ],
)
def test_a_stored_link_leads_where_the_author_meant(url: str, values: dict, leads_to: str | None) -> None:
    assert links.destination(url, values) == leads_to


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ('<a href="https://a.example/" data-no-track>x</a>', '<a href="https://a.example/">x</a>'),
        ('<a data-no-track href="https://a.example/">x</a>', '<a href="https://a.example/">x</a>'),
        ('<a DATA-No-Track="" href="https://a.example/">x</a>', '<a href="https://a.example/">x</a>'),
        (
            "<a href='https://a.example/'\n data-no-track='yes' id=\"b\">x</a>",
            "<a href='https://a.example/' id=\"b\">x</a>",
        ),
        ("<a href=https://a.example/ data-no-track=1>x</a>", "<a href=https://a.example/>x</a>"),
        ('<a id="data-no-track" href="#top" data-no-track>x</a>', '<a id="data-no-track" href="#top">x</a>'),
    ],
)
def test_the_word_that_switches_tracking_off_does_not_go_out(written: str, sent: str) -> None:
    assert tracked(written) == (sent, [])
    document = markup.protect(written, where="html")
    assert document.restored(links.rewrite_html(document, links.untracked(document))) == sent


def test_a_link_that_is_not_tracked_in_the_html_is_not_tracked_in_its_text_part() -> None:
    html = markup.protect(
        '<a href="https://a.example/{{ x }}" data-no-track>a</a><a href="https://b.example/">b</a>'
        '<a href="https://b.example/" data-no-track>b</a><a href="https://b.example/">b</a>',
        where="html",
    )
    text = markup.protect("https://a.example/{{ x }} https://b.example/ https://c.example/", where="text")
    found = Links()
    links.rewrite_html(html, links.tracker(html, found, lambda n: f"https://t.example/{n}"))
    assert list(found.numbers) == ["https://b.example/"]
    sent = links.rewrite_text(text, links.text_tracker(text, found, lambda n: f"https://t.example/{n}"))
    assert text.restored(sent) == "https://a.example/{{ ( x )|_url }} https://t.example/1 https://t.example/2"


@pytest.mark.parametrize(
    ("text", "sent", "url"),
    [
        ("看这里 (https://a.example/)说明", "看这里 (https://t.example/1)说明", "https://a.example/"),
        ("x (https://a.example/)y", "x (https://t.example/1)y", "https://a.example/"),
        ("x (https://a.example/a_(b))y", "x (https://t.example/1)y", "https://a.example/a_(b)"),
        ("x (https://a.example/), y", "x (https://t.example/1), y", "https://a.example/"),
        ("https://a.example/)y", "https://t.example/1", "https://a.example/)y"),
    ],
)
def test_a_url_in_brackets_ends_with_them(text: str, sent: str, url: str) -> None:
    assert tracked_text(text) == (sent, [url])
