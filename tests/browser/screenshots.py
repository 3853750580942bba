"""`make screenshots`: every page from the demo data, both widths, light and dark, into screenshots/.

Those that the README shows are kept in docs/pictures, as a window of a laptop shows them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.browser import chromium
from tests.browser.sitemap import operator_pages, public_pages, signed_out_pages
from tests.running import ROOT, Running

FOLDER = ROOT / "screenshots"
PICTURES = ROOT / "docs" / "pictures"
IN_README = ("home", "report", "check", "campaign-edit")
EMAIL = "shots@example.com"


def main(only: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="columba-shots-") as folder,
        Running(Path(folder), workers=2, command="demo") as site,
        chromium.chromium() as browser,
    ):
        site.flask(
            *("operator", "create", EMAIL, "--name", "Ada Lovelace", "--role", "admin", "--password-stdin"),
            input_=chromium.PASSWORD + "\n",
        )
        for width in chromium.WIDTHS:
            for theme in chromium.THEMES:
                shoot(browser, site, width, theme, only)


def shoot(browser: chromium.Browser, site: Running, width: str, theme: str, only: list[str]) -> None:
    """One picture per page at this width and in this theme."""
    with chromium.window(browser, site.url, width=width, theme=theme) as page:
        for name, path in {**signed_out_pages(), **public_pages(site)}.items():
            take(page, name, path, f"{width}-{theme}", only)
        chromium.sign_in(page, EMAIL)
        for name, path in operator_pages(page).items():
            take(page, name, path, f"{width}-{theme}", only)


def take(page: chromium.Page, name: str, path: str, suffix: str, only: list[str]) -> None:
    if only and not any(word in name for word in only):
        return
    page.goto(path)
    page.wait_for_load_state("load")
    page.wait_for_timeout(250)
    page.screenshot(path=FOLDER / f"{name}-{suffix}.png", full_page=True)
    if name in IN_README and suffix == "wide-light":
        page.screenshot(path=PICTURES / f"{name}.png")
    sys.stdout.write(f"{name}-{suffix}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
