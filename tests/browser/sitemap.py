"""Every page worth looking at, found as a person would: from a page that links to it."""

from __future__ import annotations

import re
import sqlite3

from playwright.sync_api import Page

from campaigns.core.signing import Purpose, sign
from tests.running import Running

STANDING = {
    "home": "/",
    "campaigns": "/campaigns",
    "campaign-new": "/campaigns/new",
    "templates": "/templates",
    "saved-blocks": "/blocks",
    "template-new": "/templates/new",
    "people": "/people",
    "person-new": "/people/new",
    "people-results": "/people/results?q=a",
    "lists": "/lists",
    "list-new": "/lists/new",
    "segments": "/segments",
    "segment-new": "/segments/new?start=quiet",
    "imports": "/imports",
    "import-new": "/imports/new",
    "people-changes": "/people/changes",
    "fields": "/fields",
    "tags": "/tags",
    "suppressions": "/suppressions",
    "deliverability": "/deliverability",
    "settings": "/settings",
    "servers": "/settings/servers",
    "server-new": "/settings/servers/new",
    "senders": "/settings/senders",
    "sender-new": "/settings/senders/new",
    "brands": "/settings/brands",
    "brand-new": "/settings/brands/new",
    "domains": "/settings/domains",
    "sending-domains": "/settings/sending-domains",
    "sending-domain-new": "/settings/sending-domains/new",
    "mailboxes": "/mailboxes",
    "mailbox-new": "/mailboxes/new",
    "incoming": "/incoming",
    "webhooks": "/settings/webhooks",
    "webhook-new": "/settings/webhooks/new",
    "alerts": "/alerts",
    "alert-source-new": "/alerts/sources/new",
    "rules": "/settings/rules",
    "rule-new": "/settings/rules/new",
    "loopback": "/loopback",
    "timed-emails": "/scheduled-emails",
    "timed-email-new": "/scheduled-emails/new",
    "site": "/settings/site",
    "operators": "/operators",
    "invite": "/operators/invite",
    "profile": "/profile",
    "security": "/profile/security",
    "security-app": "/profile/security/app",
    "sign-in-rules": "/operators/security",
    "practice": "/practice",
    "find": "/find",
    "not-found": "/nowhere",
}


def signed_out_pages() -> dict[str, str]:
    return {"sign-in": "/sign-in", "forgotten": "/forgotten", "reset-forged": "/reset/forged"}


def public_pages(site: Running) -> dict[str, str]:
    """Public pages of the first mail that was sent, and of a forged link."""
    database = sqlite3.connect(f"file:{site.data_dir / 'columba.db'}?mode=ro", uri=True)
    key = database.execute("SELECT link_key FROM site").fetchone()[0]
    row = database.execute("SELECT id FROM delivery WHERE state = 3 ORDER BY id DESC LIMIT 1").fetchone()
    lists = database.execute("SELECT public_id FROM list WHERE is_public LIMIT 1").fetchone()
    database.close()
    pages = {"unsubscribe-forged": "/u/a1-00000000000000000000000000000000"}
    if row:
        subscription = sign(key, Purpose.SUBSCRIPTION, row[0])
        pages["unsubscribe"] = f"/u/{subscription}"
        pages["preferences"] = f"/p/{subscription}"
        pages["web-view"] = f"/w/{sign(key, Purpose.VIEW, row[0])}"
    if lists:
        pages["sign-up"] = f"/s/{lists[0]}"
    return pages


def operator_pages(page: Page) -> dict[str, str]:
    """Standing pages, and one of each kind that hangs on data, by following links."""
    found = dict(STANDING)
    patterns = {
        "/campaigns": {
            "campaign-edit": r"^/campaigns/\d+/edit$",
            "report": r"^/campaigns/\d+/report$",
            "campaign": r"^/campaigns/\d+$",
        },
        "/templates": {"template": r"^/templates/\d+$"},
        "/people": {"person": r"^/people/\d+$"},
        "/lists": {"list": r"^/lists/\d+$"},
        "/imports": {"import": r"^/imports/\d+$"},
        "/practice": {"practice-message": r"^/practice/\d+$"},
        "/settings/servers": {"server-edit": r"^/settings/servers/\d+(/edit)?$"},
        "/settings/webhooks": {"webhook": r"^/settings/webhooks/\d+$"},
        "/mailboxes": {"mailbox": r"^/mailboxes/\d+/edit$"},
        "/incoming": {"incoming-message": r"^/incoming/\d+$"},
        "/settings/rules": {"rule": r"^/settings/rules/\d+$"},
        "/loopback": {"loopback-test": r"^/loopback/\d+$"},
        "/scheduled-emails": {"timed-email": r"^/scheduled-emails/\d+$"},
        "/alerts": {"alert-source": r"^/alerts/sources/\d+$"},
        "/settings/sending-domains": {"sending-domain": r"^/settings/sending-domains/\d+$"},
    }
    for start, wanted in patterns.items():
        page.goto(start)
        links = page.eval_on_selector_all("main a[href]", "all => all.map(a => a.getAttribute('href'))")
        for name, pattern in wanted.items():
            for link in links:
                if re.match(pattern, link.split("?")[0]):
                    found.setdefault(name, link)
    if "report" not in found:
        found.update(_campaign_pages(page))
    for name in list(found):
        if name == "report":
            found["recipients"] = found["report"].replace("/report", "/recipients")
            found["failures"] = found["report"].replace("/report", "/failures")
            found["email"] = found["report"].replace("/report", "/email")
        if name == "template":
            found["template-edit"] = f"{found['template']}/edit"
        if name == "campaign-edit":
            found["check"] = found["campaign-edit"].replace("/edit", "/check")
            found["versions"] = found["campaign-edit"].replace("/edit", "/versions")
        if name == "scheduled":
            found["reschedule"] = found["scheduled"].replace("/sending", "/schedule/edit")
    return found


def _campaign_pages(page: Page) -> dict[str, str]:
    """The list links to `/campaigns/7`, which leads on by status: draft to the editor, sent to the report."""
    page.goto("/campaigns")
    links = page.eval_on_selector_all("main a[href]", "all => all.map(a => a.getAttribute('href'))")
    found: dict[str, str] = {}
    shown = {link.split("?")[0] for link in links if re.fullmatch(r"/campaigns/\d+", link.split("?")[0])}
    for link in sorted(shown, key=lambda path: -int(path.rpartition("/")[2])):  # the latest of each kind
        page.goto(link)
        path = re.sub(r"^https?://[^/]+", "", page.url)
        name = {"edit": "campaign-edit", "report": "report", "sending": "sending"}.get(
            path.rsplit("/", 1)[-1]
        )
        if name == "sending" and page.get_by_role("link", name="Reschedule").count():
            name = "scheduled"
        if name:
            found.setdefault(name, path)
    return found
