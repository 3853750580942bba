"""Compiled content: the bytes of each copy say what the plain rendering says."""

import contextlib
import email
import email.policy
import re
import time
from datetime import UTC, datetime
from email.message import EmailMessage

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.content.compiled.compiling import (
    ContentError,
    Footer,
    Recipient,
    Source,
    compile_content,
    preview_content,
)
from campaigns.content.html import markup
from campaigns.mail.headers import HeaderInjection
from tests.content.samples import HARMLESS_PAYLOADS, HTML, PAYLOADS, make_source
from tests.lengths import IS_LONG

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TRACK, UNSUBSCRIBE, VIEW = "a1-" + "0" * 32, "a2-" + "1" * 32, "a3-" + "2" * 32
LEAVE = "ab" + "3" * 16


def make_recipient(**changes) -> Recipient:
    facts = {
        "to_name": "Ana Silva",
        "to_address": "ana@example.net",
        "values": {"first_name": "Ana"},
        "message_id": "<copy@example.org>",
        "date": NOW,
        "track_token": TRACK,
        "unsubscribe_token": UNSUBSCRIBE,
        "view_token": VIEW,
        "leave_token": LEAVE,
    }
    return Recipient(**{**facts, **changes})


def read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)  # type: ignore[return-value]


def bodies(raw: bytes) -> tuple[str, str]:
    """(text, html) with plain line breaks."""
    text, html = (part.get_content().replace("\r\n", "\n") for part in read(raw).iter_parts())
    return text, html


def composed(source: Source, **values) -> tuple[str, str]:
    return bodies(compile_content(source).compose(make_recipient(values=values)))


def test_a_copy_has_exactly_the_fields_of_a_bulk_mail() -> None:
    source = make_source(
        reply_to="answers@example.org",
        unsubscribe_domain="bounce.example.org",
        feedback_id="1:2:3:columba",
        headers={"X-Campaign": "autumn"},
    )
    raw = compile_content(source).compose(make_recipient())
    block = raw.split(b"\r\n\r\n")[0].decode()
    assert re.sub(r"=_\w+", "=_boundary", block).split("\r\n") == [
        "From: The Loft <loft@example.org>",
        "To: Ana Silva <ana@example.net>",
        "Subject: Autumn",
        "Date: Mon, 23 Nov 2026 09:30:00 +0000",
        "Message-ID: <copy@example.org>",
        f"List-Unsubscribe: <https://news.example.org/u/{UNSUBSCRIBE}>,",
        f" <mailto:unsub+{LEAVE}@bounce.example.org?subject=unsubscribe>",
        "Reply-To: answers@example.org",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        'List-Id: "Pigeon Post" <post.example.org>',
        "Precedence: bulk",
        "X-Auto-Response-Suppress: OOF, AutoReply",
        "Feedback-ID: 1:2:3:columba",
        "X-Campaign: autumn",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        ' boundary="=_boundary"',
    ]
    assert [part.get_content_type() for part in read(raw).iter_parts()] == ["text/plain", "text/html"]


def test_a_copy_is_the_same_bytes_each_time() -> None:
    assert compile_content(make_source()).compose(make_recipient()) == compile_content(make_source()).compose(
        make_recipient()
    )


def test_the_subject_is_for_the_recipient_and_can_hold_no_header() -> None:
    compiled = compile_content(make_source(subject="Grüße, {{ first_name }}"))
    mail = read(compiled.compose(make_recipient(values={"first_name": "Ana\r\nBcc: all@example.org\x00"})))
    assert mail["Subject"] == "Grüße, Ana Bcc: all@example.org"
    assert mail["Bcc"] is None
    compiled = compile_content(make_source(subject="Hi {{ first_name }}"))
    mail = read(compiled.compose(make_recipient(values={"first_name": "Ana\r\nBcc: all@example.org\r\n"})))
    assert mail["Subject"] == "Hi Ana Bcc: all@example.org"


def test_links_lead_over_the_tracker_and_the_pixel_stands_at_the_end() -> None:
    text, html = composed(make_source(), first_name="<b>")
    assert f'<a href="https://news.example.org/c/{TRACK}/1">x</a>' in html
    assert "Hello &lt;b&gt;" in html
    assert re.search(rf'<img src="https://news.example.org/o/{TRACK}.gif"[^>]*></body></html>\n$', html)
    assert text == f"Hello <b>\n\nx (https://news.example.org/c/{TRACK}/1)\n"


def test_with_tracking_off_nothing_of_the_content_changes() -> None:
    text, html = composed(make_source(track_opens=False, track_clicks=False), first_name="Ana")
    assert html == HTML.replace("{{ first_name }}", "Ana") + "\n"
    assert text == "Hello Ana\n\nx (https://a.example/)\n"


def test_the_preview_is_the_same_content_untracked() -> None:
    compiled = compile_content(make_source(subject="Hi {{ first_name }}", footer=Footer("Leave", "Choose")))
    preview = compiled.preview({"first_name": "Ana", "unsubscribe_url": "https://u.example/"})
    assert preview.subject == "Hi Ana"
    assert '<a href="https://a.example/">' in preview.html
    assert ".gif" not in preview.html + preview.text
    assert 'href="https://u.example/"' in preview.html
    assert "Leave: https://u.example/" in preview.text
    assert "Choose: #" in preview.text


def test_a_draft_without_a_sender_can_be_looked_at() -> None:
    draft = make_source(from_address="", subject="Hi {{ first_name }}")
    assert preview_content(draft, {"first_name": "Ana"}).subject == "Hi Ana"
    with pytest.raises(ContentError):
        compile_content(draft)


def test_fields_and_links_are_known_and_our_own_are_not_among_them() -> None:
    compiled = compile_content(
        make_source(
            subject="{{ a }}",
            preheader="{{ b }}",
            html='{{ c }}<a href="https://a.example/{{ d }}">x</a>',
            text="{{ e }} https://b.example/ {{ unsubscribe_url }}",
        )
    )
    assert compiled.fields == {"a", "b", "c", "e"}
    assert [(link.number, link.url) for link in compiled.links] == [
        (1, "https://a.example/{{ d }}"),
        (2, "https://b.example/"),
    ]


def test_content_without_an_unsubscribe_link_gets_a_footer_in_both_parts() -> None:
    footer = Footer("Leave <us>", "Choose", "Because you asked", "The Loft\n12 Harbour Lane")
    text, html = composed(make_source(footer=footer))
    url = f"https://news.example.org/u/{UNSUBSCRIBE}"
    assert f'<a href="{url}" style="color:#666666">Leave &lt;us&gt;</a>' in html
    assert "The Loft<br>12 Harbour Lane" in html
    assert f"Leave <us>: {url}\nChoose: https://news.example.org/p/{UNSUBSCRIBE}\n" in text
    assert html.index("Leave") < html.index("</body>")


def test_content_with_an_unsubscribe_link_gets_no_footer() -> None:
    html_source = HTML.replace("https://a.example/", "{{ unsubscribe_url }}")
    text, html = composed(make_source(html=html_source, footer=Footer("Leave")))
    assert "Leave" not in text + html
    assert f'href="https://news.example.org/u/{UNSUBSCRIBE}"' in html


def test_the_preheader_is_hidden_right_after_the_body_begins() -> None:
    text, html = composed(make_source(preheader="News & <more> for {{ first_name }}"), first_name="Ana")
    assert re.search(r"<body><div style=\"display:none[^>]*>News &amp; &lt;more&gt; for Ana&#847;", html)
    assert "News" not in text


def test_a_fragment_becomes_a_document() -> None:
    _text, html = composed(make_source(html="<p>Hi</p>", language="zh", track_opens=False))
    assert html.startswith('<!DOCTYPE html>\n<html lang="zh">')
    assert html.endswith("<p>Hi</p>\n</body>\n</html>\n")


def test_a_mail_that_was_only_written_as_text_gets_html() -> None:
    text, html = composed(
        make_source(html="", text="Hi {{ first_name }} & co\nSee https://a.example/?a=1&b=2."),
        first_name="<b>",
    )
    assert text == f"Hi <b> & co\nSee https://news.example.org/c/{TRACK}/1.\n"
    assert f'Hi &lt;b&gt; &amp; co<br>\nSee <a href="https://news.example.org/c/{TRACK}/1">https://' in html


STYLED = """<html><head><style>td { color: red } a:hover { color: blue }
@media (max-width: 9px) { td { color: green } }</style></head>
<body><!--[if mso]><v:rect href="https://a.example/"><![endif]--><table>
{% for item in items %}<tr><td>{{ item }}</td></tr>{% else %}<tr><td>none</td></tr>{% endfor %}
{% if vip < 3 %}<tr><td class="{{ kind }}">few</td></tr>{% endif %}</table></body></html>"""


def test_style_sheets_are_inlined_and_no_template_tag_is_moved() -> None:
    _text, html = composed(make_source(html=STYLED), items=["a", "b"], vip=1, kind="k")
    rows = html5lib.parse(html, namespaceHTMLElements=False).findall(".//table//td")
    assert [(row.text, row.get("style", "").strip(" ;"), row.get("class")) for row in rows] == [
        ("a", "color: red", None),
        ("b", "color: red", None),
        ("few", "color: red", "k"),
    ]
    assert "@media" in html
    assert "a:hover" in html
    assert f'<!--[if mso]><v:rect href="https://news.example.org/c/{TRACK}/1"><![endif]-->' in html
    _text, html = composed(make_source(html=STYLED), items=[], vip=5)
    assert html.count("<tr>") == 1


def test_tags_that_an_editor_escaped_are_understood() -> None:
    html = "<p>{{ x|default(&quot;y&quot;) }}{% if n &gt; 3 %}many{% endif %}</p>"
    assert "<p>ymany</p>" in composed(make_source(html=html), n=4)[1]


def test_a_field_in_an_untracked_link_is_escaped_for_a_url() -> None:
    html = '<a href="https://a.example/?q={{ q }}">x</a><a href="{{ page }}">y</a>'
    _text, sent = composed(make_source(html=html, track_clicks=False), q='a&b"', page="javascript:alert(1)")
    assert '<a href="https://a.example/?q=a%26b%22">x</a><a href="">y</a>' in sent


@pytest.mark.parametrize(
    ("changes", "where", "line"),
    [
        ({"subject": "{{ 7*7 }}"}, "subject", 1),
        ({"preheader": "{{ 7*7 }}"}, "preheader", 1),
        ({"html": "a\n\n{{ 7*7 }}"}, "html", 3),
        ({"text": "a\n{{ 7*7 }}"}, "text", 2),
        ({"html": 'a\n<a href="javascript:x">x</a>'}, "html", None),
        ({"html": "a\n<p {{ x }}>b</p>"}, "html", 2),
        ({"html": "a\n<p class={{ x }}>b</p>"}, "html", 2),
        ({"html": "a\n<style>\n{% if x %}p{}{% endif %}</style>"}, "html", 3),
        ({"html": "", "text": " "}, "html", None),
        ({"from_name": "a\r\nBcc: b"}, "from_address", None),
        ({"from_address": "nobody"}, "from_address", None),
        ({"reply_to": "a@b.c, d@e.f"}, "reply_to", None),
        ({"headers": {"X-A": "a\r\nBcc: b"}}, "headers", None),
        ({"headers": {"Bcc": "all@example.org"}}, "headers", None),
        ({"headers": {"X A": "b"}}, "headers", None),
        ({"list_id": "no dots"}, "headers", None),
        ({"unsubscribe_domain": "bücher.example"}, "headers", None),
        ({"unsubscribe_domain": "example.org?cc=all"}, "headers", None),
        ({"public_url": "https://news.example.org/\r\nBcc: b"}, "headers", None),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_sentence(changes: dict, where: str, line: int | None) -> None:
    with pytest.raises(ContentError) as caught:
        compile_content(make_source(**changes))
    assert caught.value.where == where
    assert line is None or caught.value.line == line
    assert str(caught.value)


def test_a_recipient_whose_address_is_none_is_refused() -> None:
    with pytest.raises(HeaderInjection):
        compile_content(make_source()).compose(make_recipient(to_address="ana@example.net\r\nBcc: b"))


def test_values_that_make_a_mail_too_large_are_refused() -> None:
    compiled = compile_content(make_source(html="{% for a in l %}{{ big }}{% endfor %}"))
    with pytest.raises(ContentError, match="too large"):
        compiled.compose(make_recipient(values={"l": ["x"] * 1000, "big": "y" * 65_536}))
    compiled = compile_content(make_source(html="{{ big }}" * 1000))
    with pytest.raises(ContentError, match="too large"):
        compiled.compose(make_recipient(values={"big": "y" * 65_536}))


@pytest.mark.parametrize(
    "bit",
    [
        "<",
        "</",
        "<!--",
        "<a ",
        '<a href="',
        "<a href='x",
        "<a href=\"x'",
        "<p>",
        "<style>",
        "&",
        "https://a.example/)",
        ")",
        "<b><p>",
    ],
)
def test_html_made_to_take_long_does_not(bit: str) -> None:
    started = time.process_time()
    size = 60_000
    for html in (
        "<style>p{color:red}</style>" + bit * (size // len(bit)),
        "https://a.example/" + bit * (size // len(bit)),
    ):
        with contextlib.suppress(ContentError):
            compile_content(make_source(html=html))
        with contextlib.suppress(ContentError):
            compile_content(make_source(html="", text=html))
    assert time.process_time() - started < 5


def test_a_hostile_template_is_refused_wherever_it_stands() -> None:
    for payload in PAYLOADS:
        for changes in (
            {"subject": payload},
            {"preheader": payload},
            {"html": f"<p>{payload}</p>"},
            {"text": payload},
            {"html": f'<a href="https://a.example/{payload}">x</a>'},
        ):
            if payload in HARMLESS_PAYLOADS:
                compile_content(make_source(**changes))
                continue
            with pytest.raises(ContentError):
                compile_content(make_source(**changes))


ODD = st.sampled_from(
    [
        "From ",
        " ",
        "\t",
        "=",
        ".",
        "\r\n",
        "\n",
        "\r",
        "中文字",
        "👩‍👩‍👧",
        "שלום",
        "é" * 40,
        "x" * 76,
        "&lt;",
        "{",
        "}}",
    ]
)
WORDS = st.lists(st.one_of(ODD, st.text(max_size=60)), max_size=6).map("".join)
DATA = WORDS.map(lambda text: re.sub(r"[{}<>\x00\ue000-\ue003]", "", text))
TAGS = st.sampled_from(
    [
        "{{ a }}",
        "{{ b|default('ü') }}",
        "{{ a|upper }}",
        "{% if a %}{{ b }}{% endif %}",
        "{% if b == a %}x{% else %}From y{% endif %}",
        "{% for i in l %}\nFrom {{ i }} {{ loop.index }}{% endfor %}",
    ]
)
TEMPLATES = st.lists(st.one_of(DATA, TAGS), min_size=1, max_size=8).map("".join)


def plain_lines(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\n", text)


@settings(max_examples=300 if IS_LONG else 60)
@given(TEMPLATES, TEMPLATES, WORDS, WORDS, st.lists(WORDS, max_size=3))
def test_what_is_decoded_is_what_the_plain_rendering_says(
    html: str, text: str, a: str, b: str, items: list[str]
) -> None:
    clean = [plain_lines(value) for value in (a, b, *items)]
    values = {"a": clean[0], "b": clean[1], "l": clean[2:]}
    source = make_source(
        subject="{{ a }} x",
        html=f"<html><body>x{html}</body></html>",
        text=f"x{text}",
        track_opens=False,
        track_clicks=False,
    )
    compiled = compile_content(source)
    raw = compiled.compose(make_recipient(to_name=a, values=values))
    preview = compiled.preview(values)
    assert bodies(raw) == (preview.text, preview.html)
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")
    body = raw.split(b"\r\n\r\n", 1)[1]
    assert all(len(line) <= 76 and not line.startswith(b"From ") for line in body.split(b"\r\n"))
    assert raw.isascii()


TRANSITIONAL = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
    '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">'
)
WITH_STYLES = "<html><head>{}<style>p {{ color: red }}</style></head><body><p>a</p></body></html>"


@pytest.mark.parametrize("doctype", [TRANSITIONAL, "<!DOCTYPE html>", "<!doctype html>"])
def test_the_doctype_is_the_authors(doctype: str) -> None:
    html = preview_content(make_source(html=f"{doctype}\n{WITH_STYLES.format('')}"), {}).html
    assert html.startswith(f"{doctype}\n<html>")
    assert 'style="color: red;"' in html


def test_no_doctype_is_made_up_for_a_document_without_one() -> None:
    assert preview_content(make_source(html=WITH_STYLES.format("")), {}).html.startswith("<html>")


def test_a_linked_style_sheet_is_kept() -> None:
    link = '<link rel="stylesheet" href="https://fonts.example/css?family=A">'
    assert link in preview_content(make_source(html=WITH_STYLES.format(link)), {}).html


@pytest.mark.parametrize(
    "html",
    [
        f'{TRANSITIONAL}\n<html>\n<body>\n<p>a</p><a href="http://">x</a></body></html>',
        '<style>\np { color: red }\n</style>\n<a href="http://">x</a>',
        '<p>{{ a\n}}</p>\n\n<a href="http://">x</a>',
    ],
)
def test_a_refused_link_is_found_in_the_line_where_it_stands(html: str) -> None:
    with pytest.raises(ContentError) as refused:
        compile_content(make_source(html=html))
    assert refused.value.line == 4


def test_a_refused_address_in_a_text_is_found_in_the_line_where_it_stands() -> None:
    with pytest.raises(ContentError) as refused:
        compile_content(make_source(html="", text="http://a.example/\n{{ b\n}}\nhttp://@a.example/"))
    assert refused.value.line == 4


def test_what_a_style_sheet_hides_is_not_in_the_text() -> None:
    html = (
        "<style>.preheader { display: none } @media (max-width: 600px) { .wide { display: none } }</style>"
        '<p class="preheader">This is preheader text</p><p class="wide">Hello {{ first_name }}</p>'
    )
    assert preview_content(make_source(html=html), {"first_name": "Ana"}).text == "Hello Ana\n"


def test_a_document_is_read_once_for_each_form_it_takes(monkeypatch) -> None:
    """As written, inlined, with a preheader, with a footer, with a pixel: whoever asks meanwhile gets the same parts."""
    read: list[str] = []
    scan = markup.scan

    def counted(text: str):
        read.append(text)
        return scan(text)

    monkeypatch.setattr(markup, "scan", counted)
    html = f"<html><head><style>a {{ color: red }}</style></head>{HTML[6:]}"
    compile_content(make_source(html=html, preheader="News", footer=Footer(unsubscribe="Leave")))
    whole = [text for text in read if len(text) > len(html) / 2]
    assert len(whole) == len(set(whole)) + 1, "the inliner's own document type is looked for on the way"
