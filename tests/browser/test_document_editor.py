"""The document editor: written by mouse and by keyboard alone, pasted into, and saved as what goes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from campaigns.content.formats import Format
from campaigns.core.db import db
from campaigns.planning.models import Campaign
from tests.browser.chromium import chromium, window
from tests.browser.serving import serving, session_cookie
from tests.factories import make_campaign, make_field, make_list, make_sender, make_server, make_subscriber

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("document editor")]
SAVED = "[data-save-state][data-state=saved]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def draft(app: Flask) -> Campaign:
    letters = make_list("Letters")
    make_field("first_name", label="First name")
    make_subscriber("zoe@example.org", lists=[letters], fields={"first_name": "Zoë"})
    make_sender("news@example.com")
    make_server(is_default=True)
    return make_campaign(lists=[letters], format=Format.DOCUMENT, written="", html="", subject="News")


@pytest.fixture
def page(app: Flask, draft: Campaign, browser: Browser) -> Iterator[Page]:
    """The draft's editor. A script error or a breach of the page's policy fails the test."""
    number, cookie = draft.id, session_cookie(app, "ben")  # the cookie last: it commits, and holds no lock
    with serving(app) as place, window(browser, place) as page:
        faults: list[str] = []
        page.on("console", lambda line: faults.append(line.text) if is_fault(line) else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.context.add_cookies([{**cookie, "domain": "127.0.0.1", "path": "/"}])  # type: ignore[typeddict-item]
        page.goto(f"{place}/campaigns/{number}/edit")
        expect(page.get_by_role("textbox", name="Content")).to_be_visible()
        yield page
        assert faults == []


def is_fault(line: ConsoleMessage) -> bool:
    """Images on other hosts can't be fetched here."""
    return line.type == "error" and "ERR_NAME_NOT_RESOLVED" not in line.text


def stored(draft: Campaign) -> list[dict[str, Any]]:
    """The blocks as they are stored."""
    return document(draft)["content"]


def document(draft: Campaign) -> dict[str, Any]:
    """The whole document as it is stored."""
    db.session.rollback()
    written = draft.written
    db.session.rollback()  # the app wants to write meanwhile
    return json.loads(written)


def types(blocks: list[dict[str, Any]]) -> list[str]:
    return [each["type"] for each in blocks]


def saved(page: Page) -> None:
    page.wait_for_timeout(1000)
    expect(page.locator(SAVED)).to_be_visible()


def paste(page: Page, html: str) -> None:
    page.get_by_role("textbox", name="Content").click()
    page.evaluate(
        """(html) => {
          const data = new DataTransfer();
          data.setData("text/html", html);
          document.querySelector('.w-text').dispatchEvent(
            new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        html,
    )


def test_a_newsletter_is_written_by_keyboard_alone(page: Page, draft: Campaign) -> None:
    text = page.get_by_role("textbox", name="Content")
    text.focus()
    keys = page.keyboard
    keys.type("/heading1")
    expect(page.get_by_role("listbox", name="Insert").get_by_role("option")).to_have_count(1)
    keys.press("Enter")
    keys.type("Bread and feathers")
    keys.press("Enter")
    keys.type("Dear {{first")
    keys.press("Enter")
    keys.type(", the ")
    keys.press("Control+b")
    keys.type("pigeons")
    keys.press("Control+b")
    keys.type(" are home.")
    keys.press("Enter")
    keys.type("/button")
    keys.press("Enter")
    keys.press("Alt+Enter")
    page.get_by_role("combobox", name="Link", exact=True).fill("example.com/loft")
    keys.press("Escape")
    expect(text).to_be_focused()
    keys.press("Alt+ArrowUp")
    expect(page.locator("#announcer")).to_have_text("Moved up.")
    saved(page)
    heading, button, paragraph = stored(draft)
    assert heading == {
        "type": "heading",
        "attrs": {"level": 1, "align": "left"},
        "content": [{"type": "text", "text": "Bread and feathers"}],
    }
    assert button["attrs"]["href"] == "https://example.com/loft"
    assert paragraph["content"] == [
        {"type": "text", "text": "Dear "},
        {"type": "mergeTag", "attrs": {"name": "first_name", "fallback": "friend"}},
        {"type": "text", "text": ", the "},
        {"type": "text", "text": "pigeons", "marks": [{"type": "bold"}]},
        {"type": "text", "text": " are home."},
    ]
    mail = page.frame_locator("#preview")
    page.get_by_role("tab", name="Preview").click()
    expect(mail.get_by_role("heading", name="Bread and feathers")).to_be_visible()
    expect(mail.get_by_text("Dear Zoë, the pigeons are home.")).to_be_visible()


def test_a_newsletter_is_written_by_mouse(page: Page, draft: Campaign) -> None:
    text = page.get_by_role("textbox", name="Content")
    text.click()
    page.get_by_label("Kind of text").select_option("Heading 2")
    page.keyboard.type("Loft news")
    for name in ("Image", "Social links", "Divider", "2 columns"):
        page.get_by_role("button", name="Insert", exact=True).click()
        page.get_by_role("menuitem", name=name).click()
    page.get_by_role("tab", name="Settings").click()
    text.locator(".w-image").click()
    page.get_by_label("Image URL").fill("https://example.com/loft.png")
    page.get_by_label("Alt text", exact=True).fill("The loft")
    text.locator(".w-social").click()
    page.get_by_role("button", name="Add profile").click()
    page.get_by_label("Link to your Website profile", exact=True).fill("example.com")
    saved(page)
    blocks = stored(draft)
    assert types(blocks)[:2] == ["heading", "image"]
    assert blocks[1]["attrs"]["alt"] == "The loft"
    assert {"columns", "social", "divider"} <= set(types(blocks))
    social = next(each for each in blocks if each["type"] == "social")
    assert social["attrs"]["links"] == [{"network": "website", "url": "https://example.com"}]


def test_what_was_written_is_there_again_and_can_be_undone(page: Page, draft: Campaign) -> None:
    text = page.get_by_role("textbox", name="Content")
    text.click()
    page.keyboard.type("First")
    page.wait_for_timeout(600)  # a new step of the history
    page.keyboard.press("Enter")
    page.keyboard.type("Second")
    page.keyboard.press("Control+z")
    expect(text).not_to_contain_text("Second")
    page.keyboard.press("Control+y")
    expect(text).to_contain_text("Second")
    saved(page)
    page.reload()
    expect(page.get_by_role("textbox", name="Content")).to_contain_text("Second")
    assert types(stored(draft)) == ["paragraph", "paragraph"]


WORD = """
<html xmlns:o="urn:schemas-microsoft-com:office:office"><body><!--StartFragment-->
<p class=MsoNormal><b>Programme<o:p></o:p></b></p>
<p class=MsoListParagraph style='text-indent:-18.0pt;mso-list:l0 level1 lfo1'><span style='mso-list:Ignore'>·<span
 style='font:7.0pt "Times New Roman"'>&nbsp;&nbsp; </span></span>Doors open</p>
<p class=MsoListParagraph style='mso-list:l0 level2 lfo1'><span style='mso-list:Ignore'>o<span> </span></span>Coffee</p>
<p class=MsoListParagraph style='mso-list:l0 level1 lfo1'><span style='mso-list:Ignore'>·<span> </span></span>Talks</p>
<p class=MsoNormal>See you.</p><!--EndFragment--></body></html>
"""
DOCS = """
<meta charset="utf-8"><b style="font-weight:normal" id="docs-internal-guid-1"><h2><span>Plan</span></h2>
<p><span style="font-weight:700">Bold</span><span style="font-style:italic"> slanted</span><span> plain </span>
<a href="https://www.google.com/url?q=https%3A%2F%2Fexample.com%2Fa%3Fb%3D1&sa=D"><span>link</span></a></p></b>
"""
WEB = """
<div class="post" onclick="steal()"><style>p{color:red}</style><script>alert(1)</script>
<form action="https://evil.example"><input name="card"></form>
<h1 style="font-size:80px">Title</h1><div>One <a href="javascript:alert(1)">bad</a> <a href="https://example.com">good</a></div>
<img src="https://example.com/p.gif" width="1" height="1"><img src="https://example.com/a.png" alt="A">
<iframe src="https://evil.example"></iframe></div>
"""


def test_what_is_pasted_from_word_is_a_list(page: Page, draft: Campaign) -> None:
    paste(page, WORD)
    saved(page)
    blocks = stored(draft)
    assert types(blocks) == ["paragraph", "bulletList", "paragraph"]
    items = blocks[1]["content"]
    assert [item["content"][0]["content"][0]["text"].strip() for item in items] == ["Doors open", "Talks"]
    assert items[0]["content"][1]["type"] == "bulletList"
    assert "Mso" not in json.dumps(blocks)


def test_what_is_pasted_from_google_docs_keeps_its_marks_and_its_own_links(
    page: Page, draft: Campaign
) -> None:
    paste(page, DOCS)
    saved(page)
    blocks = stored(draft)
    assert types(blocks) == ["heading", "paragraph"]
    runs = {
        each["text"].strip(): each.get("marks", []) for each in blocks[1]["content"] if each["text"].strip()
    }
    assert [mark["type"] for mark in runs["Bold"]] == ["bold"]
    assert [mark["type"] for mark in runs["slanted"]] == ["italic"]
    assert runs["plain"] == []
    assert runs["link"][0]["attrs"]["href"] == "https://example.com/a?b=1"


def test_what_is_pasted_from_a_web_page_brings_no_script_form_or_pixel(page: Page, draft: Campaign) -> None:
    paste(page, WEB)
    saved(page)
    assert types(stored(draft))[:3] == ["heading", "paragraph", "image"]
    for word in ("javascript", "steal", "evil.example", "p.gif", "alert"):
        assert word not in json.dumps(document(draft))


def test_the_editor_has_no_accessibility_fault(page: Page, draft: Campaign) -> None:
    page.get_by_role("textbox", name="Content").click()
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    page.keyboard.type("/")
    expect(page.get_by_role("listbox", name="Insert")).to_be_visible()
    for name in ("Style", "Settings"):
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [f"{each['id']} {each['nodes'][0]['html'][:150]}" for each in found] == []
        page.get_by_role("tab", name=name).click()
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [f"{each['id']} {each['nodes'][0]['html'][:150]}" for each in found] == []


def test_the_style_is_kept_with_the_document_and_warns_of_weak_contrast(page: Page, draft: Campaign) -> None:
    page.get_by_role("tab", name="Style").click()
    page.locator("#w-style").get_by_label("Text", exact=True).first.fill("#dddddd")
    expect(page.get_by_text("Text on Email background has a contrast of")).to_be_visible()
    page.get_by_label("Shape of buttons").select_option("Pill")
    saved(page)
    style = document(draft)["style"]
    assert (style["colors"]["text"], style["button"]["shape"]) == ("#dddddd", "pill")


def test_merge_tags_are_completed_and_chosen_in_alt_texts_and_links(page: Page, draft: Campaign) -> None:
    page.get_by_role("textbox", name="Content").click()
    page.keyboard.type("/image")
    page.keyboard.press("Enter")
    page.get_by_label("Image URL").fill("https://example.com/loft.png")
    alt, url = (
        page.get_by_role("combobox", name="Alt text"),
        page.get_by_role("combobox", name="Link", exact=True),
    )
    alt.focus()
    page.keyboard.type("A seat for {{ fir")
    expect(page.get_by_role("listbox", name="Merge tag for: Alt text")).to_contain_text("First name")
    page.keyboard.press("Enter")
    expect(alt).to_have_value('A seat for {{ first_name | default("friend") }}')
    url.fill("https://example.com/?who=")
    page.get_by_role("button", name="Merge tag for: Link", exact=True).focus()
    page.keyboard.press("Enter")
    page.keyboard.type("Email")
    page.keyboard.press("Enter")
    expect(url).to_have_value("https://example.com/?who={{ email }}")
    expect(url).to_be_focused()
    assert Axe().run(page, context=".w-panel").response["violations"] == []
    saved(page)
    (image,) = [each for each in stored(draft) if each["type"] == "image"]
    assert image["attrs"]["alt"] == 'A seat for {{ first_name | default("friend") }}'
    assert image["attrs"]["href"] == "https://example.com/?who={{ email }}"
    db.session.rollback()
    db.session.expire_all()
    assert 'alt="A seat for {{ first_name | default("friend") }}"' in draft.html


def test_blocks_are_saved_and_inserted_into_another_campaign_by_keyboard(page: Page, draft: Campaign) -> None:
    other = make_campaign(format=Format.DOCUMENT, written="", html="", subject="More news")
    text, address = page.get_by_role("textbox", name="Content"), page.url.replace("/1/", f"/{other.id}/")
    db.session.rollback()
    text.focus()
    page.keyboard.type("The loft")
    page.keyboard.press("Enter")
    page.keyboard.type("Dovecote 1, Aix")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Alt+/")
    page.keyboard.type("Save")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Save as block")
    expect(dialog.get_by_label("Name")).to_be_focused()
    assert Axe().run(page, context="dialog[open]").response["violations"] == []
    page.keyboard.type("Our footer")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(text).to_be_focused()
    saved(page)
    page.goto(address)
    page.get_by_role("textbox", name="Content").focus()
    page.keyboard.type("/saved")
    page.keyboard.press("Enter")
    found = page.get_by_role("dialog", name="Saved blocks")
    page.keyboard.type("xyz")
    expect(found.get_by_role("status")).to_have_text("Nothing found")
    for _each in "xyz":
        page.keyboard.press("Backspace")
    page.keyboard.type("foot")
    expect(found.get_by_role("option")).to_have_text(["Our footer"])
    assert Axe().run(page, context="dialog[open]").response["violations"] == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("/foot")
    expect(page.get_by_role("listbox", name="Insert")).to_contain_text("Our footer")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Content")).to_contain_text("AixThe loft")
    saved(page)
    words = [each["content"][0]["text"] for each in stored(other) if each.get("content")]
    assert words == ["The loft", "Dovecote 1, Aix"] * 2
