"""A newsletter in each of the four editors, by keyboard alone and by mouse: written, sent, and read as it arrived."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import chromium
from tests.fakes.smtp_server import SmtpServer
from tests.journeys import reader
from tests.lengths import IS_LONG
from tests.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EMAIL = "ada@example.com"
PEOPLE = "Email,First name\nana@example.org,Ana\nbo@example.org,\n"
FORMATS = ("document", "html", "markdown", "text")
WAYS = ("keyboard", "mouse")
LINK = "https://example.com/loft"
MOST_TABS = 250
MARKDOWN = (
    f"# Loft news\n\nDear {{{{ first_name | default('friend') }}}}, **corn** is in.\n\n[Read on]({LINK})\n"
)
HTML = (
    "<h1>Loft news</h1><p>Dear {{ first_name | default('friend') }}, <b>corn</b> is in.</p>"
    f'<p><a href="{LINK}">Read on</a></p>'
)
TEXT = f"LOFT NEWS\n\nDear {{{{ first_name | default('friend') }}}}, corn is in.\n\nRead on: {LINK}\n"


def test_a_newsletter_goes_out_from_each_editor_by_keyboard_and_by_mouse(tmp_path: Path) -> None:
    chosen = [(format, way) for format in FORMATS for way in WAYS]
    with (
        SmtpServer() as server,
        Running(tmp_path / "data", workers=1) as site,
        chromium.chromium() as browser,
        chromium.window(browser, site.url) as page,
    ):
        set_up(site, server, tmp_path)
        chromium.sign_in(page, EMAIL)
        wanted = chosen if IS_LONG else [chosen[at] for at in (0, 3, 4, 7)]
        for format, way in wanted:
            WRITTEN[way](page, format, f"By {way} in {format}")
        arrived(page, server, 2 * len(wanted))
        for format, way in wanted:
            check(server, f"By {way} in {format}", format)


def set_up(site: Running, server: SmtpServer, folder: Path) -> None:
    people = folder / "people.csv"
    people.write_text(PEOPLE, encoding="utf-8")
    site.flask(
        *("operator", "create", EMAIL, "--name", "Ada", "--role", "admin", "--password-stdin"),
        input_=chromium.PASSWORD + "\n",
    )
    site.flask(
        "server", "create", "wire", "--host", "127.0.0.1", "--port", str(server.port), "--security", "none"
    )
    site.flask("list", "create", "Readers")
    site.json("people", "import", str(people), "--list", "Readers")


def check(server: SmtpServer, subject: str, format: str) -> None:
    """Both people got what was written, with their own name."""
    mails = {rcpt: raw for _from, rcpt, raw in server.messages if reader.parse(raw)["Subject"] == subject}
    assert set(mails) == {"ana@example.org", "bo@example.org"}
    for address, name in (("ana@example.org", "Ana"), ("bo@example.org", "friend")):
        reader.check_bytes(mails[address])
        text = " ".join(reader.text_of(mails[address]).split())
        assert f"Dear {name}, corn is in." in text.replace("**", "")
        if format != "text":
            html = reader.html_of(mails[address])
            assert re.search(r"<h1[^>]*>(<[^>]+>)*Loft news", html)
            assert re.search(r"<(b|strong)[^>]*>corn<", html)
        status, headers, _body = reader.fetch(reader.links_of(mails[address])[0])
        assert (status, headers["Location"]) == (302, LINK)


def arrived(page: Page, server: SmtpServer, number: int) -> None:
    for _attempt in range(1200):
        if len(server.messages) == number:
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"{len(server.messages)} of {number} emails went out")


# -- by keyboard: nothing but keys, from the page of campaigns to the last confirmation


def by_keyboard(page: Page, format: str, name: str) -> None:
    keys = page.keyboard
    page.goto("/campaigns")
    go(page, page.get_by_role("link", name="New campaign").first)
    expect(page.locator("[name=name]")).to_be_focused()
    keys.type(name)
    first = page.locator("[name=start]")
    reach(
        page,
        page.locator("[name=start]:checked") if first.and_(page.locator(":checked")).count() else first.first,
    )
    keys.press("Space")
    for _each in range(60):
        if page.locator(f"[name=start][value=blank-{format}]").is_checked():
            break
        keys.press("ArrowRight")
    go(page, page.get_by_role("button", name="Create draft"))
    reach(page, page.locator("[name=subject]"))
    keys.type(name)
    if not page.locator("[name=lists]").first.is_checked():
        reach(page, page.locator("[name=lists]").first)
        keys.press("Space")
    KEYED[format](page)
    saved(page)
    keys.press("Escape")  # the next Tab leaves an editor of code
    go(page, page.get_by_role("button", name="Review and send"), key="Shift+Tab")
    go(page, page.get_by_role("button", name="Send to 2 people"))
    expect(page.get_by_text("Time left to undo:")).to_be_visible()


def document_by_keyboard(page: Page) -> None:
    keys = page.keyboard
    reach(page, page.get_by_role("textbox", name="Content"))
    keys.type("/heading1")
    expect(page.get_by_role("listbox", name="Insert").get_by_role("option")).to_have_count(1)
    keys.press("Enter")
    keys.type("Loft news")
    keys.press("Enter")
    keys.type("Dear {{first")
    keys.press("Enter")
    keys.type(", ")
    keys.press("Control+b")
    keys.type("corn")
    keys.press("Control+b")
    keys.type(" is in.")
    keys.press("Enter")
    keys.type("/button")
    keys.press("Enter")
    keys.type("Read on")
    keys.press("Alt+Enter")
    reach(page, page.get_by_role("combobox", name="Link", exact=True))
    keys.press("Control+a")
    keys.type(LINK)
    keys.press("Escape")


def code_by_keyboard(page: Page, written: str) -> None:
    reach(page, page.locator(".cm-content"))
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(written)


def text_by_keyboard(page: Page) -> None:
    reach(page, page.locator("[name=text]"))
    page.keyboard.insert_text(TEXT)


def reach(page: Page, target: Locator, *, key: str = "Tab") -> None:
    """Press the key until the focus is there."""
    for _each in range(MOST_TABS):
        if target.evaluate("(element) => element.matches(':focus')"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{target} can't be reached by {key}")


def go(page: Page, target: Locator, *, key: str = "Tab") -> None:
    reach(page, target, key=key)
    with page.expect_navigation():
        page.keyboard.press("Enter")


# -- by mouse: keys only for words


def by_mouse(page: Page, format: str, name: str) -> None:
    page.goto("/campaigns")
    click(page, page.get_by_role("link", name="New campaign").first)
    page.locator("[name=name]").click()
    page.keyboard.type(name)
    page.locator(f"[name=start][value=blank-{format}]").click(force=True)
    click(page, page.get_by_role("button", name="Create draft"))
    page.locator("[name=subject]").click()
    page.keyboard.type(name)
    if not page.locator("[name=lists]").first.is_checked():
        page.locator("[name=lists]").first.click()
    CLICKED[format](page)
    saved(page)
    click(page, page.get_by_role("button", name="Review and send"))
    click(page, page.get_by_role("button", name="Send to 2 people"))
    expect(page.get_by_text("Time left to undo:")).to_be_visible()


def document_by_mouse(page: Page) -> None:
    text = page.get_by_role("textbox", name="Content")
    text.click()
    page.get_by_label("Kind of text").select_option("Heading 1")
    page.keyboard.type("Loft news")
    page.keyboard.press("Enter")
    page.keyboard.type("Dear ")
    page.get_by_role("button", name="Merge tag").first.click()
    page.get_by_role("menuitem", name="First name").first.click()
    page.keyboard.type(", ")
    page.get_by_role("button", name="Bold").first.click()
    page.keyboard.type("corn")
    page.get_by_role("button", name="Bold").first.click()
    page.keyboard.type(" is in.")
    page.get_by_role("button", name="Insert", exact=True).click()
    page.get_by_role("menuitem", name="Button").click()
    page.get_by_role("tab", name="Settings").click()
    text.locator(".w-button").click()
    page.get_by_role("combobox", name="Link", exact=True).click()
    page.keyboard.press("Control+a")
    page.keyboard.type(LINK)


def code_by_mouse(page: Page, written: str) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(written)


def text_by_mouse(page: Page) -> None:
    page.locator("[name=text]").click()
    page.keyboard.insert_text(TEXT)


def click(page: Page, target: Locator) -> None:
    with page.expect_navigation():
        target.click()


def saved(page: Page) -> None:
    page.wait_for_timeout(1000)
    expect(page.locator("[data-save-state][data-state=saved]")).to_be_visible()


WRITTEN: dict[str, Callable[[Page, str, str], None]] = {"keyboard": by_keyboard, "mouse": by_mouse}
KEYED: dict[str, Callable[[Page], None]] = {
    "document": document_by_keyboard,
    "html": lambda page: code_by_keyboard(page, HTML),
    "markdown": lambda page: code_by_keyboard(page, MARKDOWN),
    "text": text_by_keyboard,
}
CLICKED: dict[str, Callable[[Page], None]] = {
    "document": document_by_mouse,
    "html": lambda page: code_by_mouse(page, HTML),
    "markdown": lambda page: code_by_mouse(page, MARKDOWN),
    "text": text_by_mouse,
}
