"""Pictures of all starters, to look at: `python -m tests.browser.starter_pictures FOLDER`.

Each in both languages at 600 and 390 pixels, in dark mode, and as a client shows it that fetches no pictures and reads
no style sheet in the head.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from campaigns.content import starters
from campaigns.content.compiled.compiling import compile_content
from tests.content.samples import GOOD

# name -> (width in pixels, dark, whether the style sheets in the head are read)
MODES = {
    "600": (640, False, True),
    "390": (390, False, True),
    "dark": (640, True, True),
    "bare": (640, False, False),
}
_SHEET = re.compile(r"<style.*?</style>", re.S)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for mode in MODES:
            _take(browser, mode, folder)
        browser.close()


def _take(browser: Browser, mode: str, folder: Path) -> None:
    width, is_dark, has_sheets = MODES[mode]
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if is_dark else "light",
        java_script_enabled=False,
        offline=True,
    )
    page = context.new_page()
    for starter in starters.STARTERS:
        for language in ("en", "zh"):
            html = shown(starter.key, language)
            page.set_content(html if has_sheets else _SHEET.sub("", html))
            page.screenshot(path=folder / f"{starter.key}-{language}-{mode}.png", full_page=True)
    context.close()


def shown(key: str, language: str) -> str:
    """A starter as a reader sees it, with the footer."""
    html = starters.html(
        key, language=language, site="The Pigeon Post", postal_address="Dovecote 1\n13100 Aix"
    )
    return (
        compile_content(replace(GOOD, html=html, text="", language=language))
        .preview({"first_name": "Zoë"})
        .html
    )


if __name__ == "__main__":
    main()
