"""`python3 -m tests.bare.stranger`: README's two commands in this checkout, on a machine that has nothing else.

Runs with a bare Python. Says what it does, and how long it took, beside how long it may take.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.bare import readme
from tests.bare.broken import Broken
from tests.bare.browser import Browser
from tests.bare.make_run import MakeRun

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
MAY_TAKE_S = 180.0
SENT_WITHIN_S = 180.0
PEOPLE = {"ana@example.org": "Ana", "bo@example.org": "Bo", "cy@example.org": ""}
MAIL = "<p>Hello {{ first_name | default('friend') }},</p><p>the pigeons are back.</p>"
SLICE = ("tests/core", "tests/cli", "tests/practice", "tests/bare")
IN_THE_BROWSER = "tests/planning/test_editor.py::test_the_second_tab_stops_and_shows_both"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run-only", action="store_true", help="`make run` alone, not what `make test` sets up"
    )
    chosen = parser.parse_args(arguments)
    try:
        try_run(Path.home())
        if not chosen.run_only:
            try_tests()
    except Broken as error:
        print(f"\nBroken: {error}", file=sys.stderr)
        return 1
    return 0


def try_run(folder: Path) -> None:
    """`make run`, the first operator, a campaign by README's commands into the test inbox, and a second run."""
    output = folder / "make-run.txt"
    with MakeRun(ROOT, os.environ, output=output) as app:
        waiting = busy()
        say(
            f"make run: answers at /health after {app.seconds:.0f} s, may take {MAY_TAKE_S:.0f} s × {waiting:.1f}"
        )
        browser = become_first_operator(app)
        send_campaign(app, folder)
        read_practice_mailbox(app, browser)
    if app.seconds > MAY_TAKE_S * waiting:
        raise Broken(
            f"From bare to running took {app.seconds:.0f} s, longer than {MAY_TAKE_S:.0f} s × {waiting:.1f}."
        )
    with MakeRun(ROOT, os.environ, output=output) as app:
        say(f"make run again: answers after {app.seconds:.0f} s")
        if (state := status(app)["status"]) != "finished":
            raise Broken(f"After a second start the campaign is {state}.")


def become_first_operator(app: MakeRun) -> Browser:
    """Follow the printed link, once."""
    browser = Browser()
    code, page = browser.fill(
        app.welcome_link, email="ada@example.org", name="Ada", password="correct horse battery staple"
    )
    if code != 200 or 'type="password"' in page:
        raise Broken(f"The link to the first operator made none: {code}.")
    if (again := Browser().get(app.welcome_link)[0]) != 410:
        raise Broken(f"The link to the first operator works twice: {again}.")
    say("The printed link made the first operator, and is spent")
    return browser


def send_campaign(app: MakeRun, folder: Path) -> None:
    """A list, people, a campaign and its schedule, by README's commands; wait until it is finished."""
    rows = "".join(f"{address},{name}\n" for address, name in PEOPLE.items())
    (folder / "people.csv").write_text(f"email,first_name\n{rows}")
    (folder / "mail.html").write_text(MAIL)
    moment = (datetime.now(timezone.utc) + timedelta(seconds=5)).isoformat()  # noqa: UP017 (any Python 3)
    flask(app, folder, "list", "create")
    flask(app, folder, "people", "import")
    flask(app, folder, "campaign", "create")
    flask(app, folder, "campaign", "schedule", at=moment)
    deadline = time.monotonic() + SENT_WITHIN_S
    while (found := status(app))["status"] != "finished":
        if time.monotonic() > deadline:
            raise Broken(f"The campaign was not finished after {SENT_WITHIN_S:.0f} s: {found}")
        time.sleep(1)
    say(f"The campaign is finished: {found['states']}")


def read_practice_mailbox(app: MakeRun, browser: Browser) -> None:
    """Its page has a mail to everybody, and each is addressed by name."""
    code, page = browser.get(f"{app.url}/practice")
    missing = [address for address in PEOPLE if address not in page]
    if code != 200 or missing:
        raise Broken(f"The test inbox answers {code} and has no mail to {missing}.")
    for number, name in enumerate(PEOPLE.values(), start=1):
        texts = [browser.get(f"{app.url}/practice/{mail}.eml")[1] for mail in range(1, len(PEOPLE) + 1)]
        if not any(f"Hello {name or 'friend'}" in text for text in texts):
            raise Broken(f"No mail greets person {number} as {name or 'friend'}.")
    say(f"{len(PEOPLE)} mails are in the test inbox")


def try_tests() -> None:
    """What `make test` sets up, then a slice of what it runs."""
    timed("scripts/setup --dev --browser", "scripts/setup", "--dev", "--browser")
    pytest = (".venv/bin/pytest", "-q", "-p", "no:cacheprovider")
    timed("a slice of the tests", *pytest, "-n", "2", "--dist", "loadgroup", "-m", "not browser", *SLICE)
    timed("a test in the browser", *pytest, "-m", "browser", IN_THE_BROWSER)


def flask(app: MakeRun, folder: Path, *words: str, at: str = "") -> None:
    """README's command of these words, with the files of the folder, and a moment of ours."""
    command = readme.command(README, *words)
    if at:
        command[command.index("--at") + 1] = at
    in_folder = {"people.csv", "mail.html"}
    say("$ " + " ".join(command))
    said = _flask(app, *(str(folder / word) if word in in_folder else word for word in command[1:]))
    say(said.strip())


def status(app: MakeRun) -> dict[str, Any]:
    """The figures of the campaign, by README's command."""
    found: dict[str, Any] = json.loads(_flask(app, *readme.command(README, "campaign", "status")[1:]))
    return found


def _flask(app: MakeRun, *words: str) -> str:
    environ = {**os.environ, "PUBLIC_URL": app.url}
    done = subprocess.run(
        [".venv/bin/flask", *words], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Broken(f"`flask {' '.join(words)}` ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def timed(what: str, *command: str) -> None:
    """Run a command, its output shown, and say how long it took."""
    started = time.monotonic()
    if code := subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise Broken(f"`{' '.join(command)}` ended with exit code {code}.")
    say(f"{what}: {time.monotonic() - started:.0f} s")


def busy() -> float:
    """How many times more work than processors there was in the last five minutes; 1 where there was enough for all."""
    return max(1.0, os.getloadavg()[1] / (os.cpu_count() or 1))


def say(line: str) -> None:
    print(f"  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
