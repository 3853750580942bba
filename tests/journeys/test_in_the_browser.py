"""The main job as an operator does it, in a browser; the wire is a scripted SMTP server's."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import chromium
from tests.fakes.smtp_server import SmtpServer
from tests.journeys import reader
from tests.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HTML = """<html><head><title>Hi</title></head><body><h1>Hello {{ first_name | default("friend") }}</h1>
<p><a href="https://example.com/read?a=1">Read on</a></p></body></html>"""
PEOPLE = "Email;First name;Town\nana@example.org;Ana;Porto\nbo@example.org;;Oslo\nnot an address;X;Y\n"


def test_from_the_first_operator_to_the_report(tmp_path: Path) -> None:
    refuses = {"RCPT": lambda call: "550 5.1.1 no such user" if "nobody" in call.argument else None}
    with (
        SmtpServer(replies=refuses) as server,
        Running(tmp_path / "data", workers=1) as site,
        chromium.chromium() as browser,
        chromium.window(browser, site.url) as page,
    ):
        become_the_first_operator(page, site.welcome_link)
        add_server(page, server.port)
        add_sender(page)
        import_people(page, tmp_path)
        write_campaign(page)
        send(page)
        watch(page, server)
        mails = {rcpt: raw for _from, rcpt, raw in server.messages}
        assert set(mails) == {"ana@example.org", "bo@example.org"}
        for raw in mails.values():
            reader.check_bytes(raw)
        ana, bo = mails["ana@example.org"], mails["bo@example.org"]
        assert "Hello Ana" in reader.html_of(ana)
        assert "Hello friend" in reader.html_of(bo)
        assert reader.fetch(reader.pixel_of(bo))[0] == 200
        status, headers, _body = reader.fetch(reader.links_of(ana)[0])
        assert (status, headers["Location"]) == (302, "https://example.com/read?a=1")
        leave_in_the_browser(page, reader.one_click_of(bo))
        look_at_the_report(page)


def follow(page: Page, control: Locator) -> None:
    """Click, and wait until the page that it leads to is there: the next goto would abort it otherwise."""
    with page.expect_navigation():
        control.click()


def become_the_first_operator(page: Page, link: str) -> None:
    page.goto(link)
    page.fill("[name=email]", "ada@example.com")
    page.fill("[name=name]", "Ada")
    page.fill("[name=password]", chromium.PASSWORD)
    follow(page, page.get_by_role("button", name="Create account"))
    if "/sign-in" in page.url:
        chromium.sign_in(page, "ada@example.com")
    page.goto(link)
    assert page.locator("input[type=password]").count() == 0 or "/sign-in" in page.url, "the link works twice"
    page.goto("/")


def add_server(page: Page, port: int) -> None:
    page.goto("/settings/servers")
    page.get_by_role("link", name="Add server").first.click()
    page.fill("[name=name]", "The wire")
    page.fill("[name=host]", "127.0.0.1")
    page.fill("[name=port]", str(port))
    page.select_option("[name=security]", "none")
    follow(page, page.get_by_role("button", name="Add server"))
    page.goto("/settings/servers")
    page.get_by_role("link", name="The wire").first.click()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("Connection successful. The server is ready to send.")).to_be_visible()


def add_sender(page: Page) -> None:
    page.goto("/settings/senders/new")
    page.fill("[name=name]", "The Loft")
    page.fill("[name=email]", "post@example.com")
    follow(page, page.locator("main form button[type=submit], main form button:not([type])").last)
    expect(page.get_by_text("post@example.com").first).to_be_visible()


def import_people(page: Page, folder: Path) -> None:
    file = folder / "people.csv"
    file.write_text(PEOPLE, encoding="utf-8")
    page.goto("/lists/new")
    page.fill("[name=name]", "Readers")
    follow(page, page.locator("main form").get_by_role("button").last)
    page.goto("/imports/new")
    page.select_option("[name=list_id]", label="Readers")
    page.set_input_files("[name=file]", str(file))
    follow(page, page.locator("main form").get_by_role("button").last)
    page.wait_for_url(re.compile(r"/imports/\d+"))
    if page.locator("[name=agreed]").count():
        page.check("[name=agreed]")
    page.get_by_role("button", name="Check file").click()
    expect(page.get_by_text("Nothing has been changed yet.")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name=re.compile("^Import")).click()
    expect(page.get_by_text("Finished").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("t an email address").first).to_be_visible()


def write_campaign(page: Page) -> None:
    page.goto("/campaigns")
    page.get_by_role("link", name="New campaign").first.click()
    page.fill("[name=name]", "First flight")
    page.check("[name=start][value=blank-html]", force=True)
    page.get_by_role("button", name="Create draft").click()
    page.fill("[name=subject]", 'Hello {{ first_name | default("friend") }}')
    page.select_option("[name=sender]", index=1)
    lists = page.locator("[name=lists]")
    if lists.first.evaluate("e => e.tagName") == "SELECT":
        page.select_option("[name=lists]", label="Readers")
    else:
        lists.and_(page.get_by_label("Readers")).check()
    with page.expect_response(lambda answer: "autosave" in answer.url and answer.ok):
        page.locator(".cm-content").fill(HTML)
    expect(page.get_by_text(re.compile("^Saved"))).to_be_visible()
    page.reload()
    assert page.locator("[name=html]").input_value().strip() == HTML.strip(), "autosave lost something"
    page.get_by_role("button", name="Review and send").click()


def send(page: Page) -> None:
    expect(page.get_by_role("heading", name="Audience")).to_be_visible()
    now = datetime.now(ZoneInfo("Europe/Lisbon")) + timedelta(seconds=1)
    page.locator("[name=when][value=later]").check()
    page.locator("[name=at]").fill(now.strftime("%Y-%m-%dT%H:%M"))
    page.get_by_role("button", name=re.compile("^Schedule for")).click()
    page.wait_for_url(re.compile(r"/campaigns/\d+"))


def watch(page: Page, server: SmtpServer) -> None:
    for _attempt in range(200):
        if len(server.messages) == 2:
            return
        page.wait_for_timeout(200)
    raise AssertionError("the mails did not go out: " + page.locator("main").inner_text())


def leave_in_the_browser(page: Page, link: str) -> None:
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_role("button", name="Unsubscribe", exact=True).click()
    expect(page.get_by_role("heading", name="You're unsubscribed")).to_be_visible()


def look_at_the_report(page: Page) -> None:
    page.goto("/campaigns")
    follow(page, page.get_by_role("link", name="First flight").first)
    if not page.url.endswith("/report"):
        page.goto(re.sub(r"/campaigns/(\d+).*", r"/campaigns/\1/report", page.url))
    text = page.locator("main").inner_text()
    assert re.search(r"2 of 2", text), text
    assert "https://example.com/read?a=1" in text
    page.goto(page.url.replace("/report", "/recipients"))
    expect(page.get_by_text("ana@example.org").first).to_be_visible()
