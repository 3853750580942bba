"""Every page, looked at by axe (WCAG 2.2 AA), in both themes and at both widths, and by its console."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.browser.accessibility import faults_of
from tests.browser.conftest import EMAIL
from tests.browser.sitemap import operator_pages, public_pages, signed_out_pages
from tests.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("demo")]

# Every operator page has these names; a page that falls off the map is a page that nobody can reach.
EXPECTED = {"campaign-edit", "check", "report", "recipients", "person", "list", "import", "practice-message"}


LOOKS = [
    pytest.param("wide", "light", id="wide-light"),
    pytest.param("phone", "dark", id="phone-dark", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_no_page_has_an_accessibility_fault(demo: Running, browser: Browser, width: str, theme: str) -> None:
    faults: list[str] = []
    with chromium.window(browser, demo.url, width=width, theme=theme) as page:
        page.on(
            "console",
            lambda line: faults.append(f"{page.url}: {line.text}") if line.type == "error" else None,
        )
        page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
        for name, path in {**signed_out_pages(), **public_pages(demo)}.items():
            if name != "web-view":  # somebody's mail in a sandbox in which no script may run, axe's included
                page.goto(path)
                faults += faults_of(page, name)
        chromium.sign_in(page, EMAIL)
        pages = operator_pages(page)
        assert set(pages) >= EXPECTED
        for name, path in pages.items():
            page.goto(path)
            faults += faults_of(page, name)
    expected = (
        "status of 404",
        "status of 410",
    )  # the forged and missing pages that are on the map on purpose
    assert "\n".join(fault for fault in faults if not any(word in fault for word in expected)) == ""


def test_the_demo_says_where_to_sign_in_and_nothing_else(demo: Running) -> None:
    said = [line.strip() for line in demo.lines if line.strip()]
    assert len(said) == 1
    wanted = r"Columba runs at http://127\.0\.0\.1:\d+ – sign in as \S+@example\.com with the password \S+"
    assert re.fullmatch(wanted, said[0])
