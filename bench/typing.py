"""What passes from a key pressed in an editor to the preview that shows it: `python -m bench.typing`.

The app runs as operators start it, a headless Chromium types one letter after another into an email of 50 KB, in the
document editor and in the editor of HTML. Time counts from the key press to the first frame the browser draws with
the letter in the preview.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from bench import documents, preview
from campaigns import create_app
from campaigns.content.formats import Format
from campaigns.core.config import from_env
from campaigns.core.db import db
from tests.browser import chromium
from tests.factories import make_campaign, make_field, make_list, make_sender, make_server
from tests.running import Running

AT_MOST_MS = 150
SIZE = 50_000
EMAIL = "ada@example.com"
MARK = "Typedhere"
BETWEEN_MS = 300  # faster than autosave waits, slower than anyone notices
_WATCH = """({ mark, letters }) => new Promise((done) => {
  const frame = document.querySelector("iframe[data-unsaved]");
  const word = mark + "q".repeat(letters);
  let begun = 0;
  document.addEventListener("keydown", () => { begun = performance.now(); }, { once: true, capture: true });
  const look = () => {
    if (begun && frame.contentDocument.body.textContent.includes(word)) done(performance.now() - begun);
    else if (begun && performance.now() - begun > 10000) done(-1);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--keys", type=int, default=40, help="in each editor")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="columba-bench-") as folder, Running(Path(folder)) as site:
        site.flask(
            *("operator", "create", EMAIL, "--name", "Ada", "--role", "admin", "--password-stdin"),
            input_=chromium.PASSWORD + "\n",
        )
        drafts = _drafts(Path(folder))
        with chromium.chromium() as browser, chromium.window(browser, site.url) as page:
            chromium.sign_in(page, EMAIL)
            for name, number in drafts.items():
                _say(name, _typed(page, number, chosen.keys))


def _drafts(folder: Path) -> dict[str, int]:
    """The ids of two drafts of 50 KB, by the name of their editor."""
    content = json.loads(documents.written(SIZE))
    content["content"].insert(0, {"type": "paragraph", "content": [{"type": "text", "text": MARK}]})
    html = preview.source(0).html.replace("<body>", f"<body>\n<p>{MARK}</p>\n", 1)
    with create_app(from_env({"DATA_DIR": str(folder)})).app_context():
        letters = make_list("Letters")
        make_field("first_name")
        make_sender("news@example.com")
        make_server(is_default=True)
        document = make_campaign(
            lists=[letters], format=Format.DOCUMENT, written=json.dumps(content), html="<p></p>"
        )
        code = make_campaign(lists=[letters], html=html)
        db.session.commit()
        return {"document": document.id, "HTML": code.id}


def _typed(page: Page, number: int, keys: int) -> list[float]:
    """Milliseconds of each key."""
    page.goto(f"/campaigns/{number}/edit")
    page.wait_for_load_state("networkidle")
    page.locator(".w-text, .cm-content").get_by_text(MARK).first.click()
    page.keyboard.press("End")
    for _each in range(4 if page.locator(".cm-content").count() else 0):
        page.keyboard.press("ArrowLeft")  # before </p>
    taken = []
    for letters in range(1, keys + 4):
        page.wait_for_timeout(BETWEEN_MS)
        seen = page.evaluate_handle(
            f"(given) => ({{ when: ({_WATCH})(given) }})", {"mark": MARK, "letters": letters}
        )
        page.keyboard.press("q")
        taken.append(page.evaluate("(seen) => seen.when", seen))
    if min(taken) < 0:
        raise SystemExit("the preview did not show what was typed")
    return taken[3:]  # the first ones load what the others find in memory


def _say(name: str, taken: list[float]) -> None:
    ninety_five = statistics.quantiles(taken, n=20)[-1]
    sys.stdout.write(
        f"{name:>10}: median {statistics.median(taken):.0f} ms, 95% within {ninety_five:.0f} ms,"
        f" quickest {min(taken):.0f} ms,"
        f" slowest {max(taken):.0f} ms; at most {AT_MOST_MS} ms\n"
    )


if __name__ == "__main__":
    main()
