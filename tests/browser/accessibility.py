"""What is wrong with a page for somebody who can't see it, or sees it on a phone."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # what is in order need not be told element by element
}


def faults_of(page: Page, name: str) -> list[str]:
    """What axe finds, and whether the page is wider than the window."""
    found = Axe().run(page, options=RULES)
    faults = [
        f"{name}: {fault['id']} {fault['nodes'][0]['html'][:120]}" for fault in found.response["violations"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"):
        faults.append(f"{name}: wider than the window")
    return faults
