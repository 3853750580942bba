"""`python -m tests.crawl`: Wapiti crawls and attacks the demo's app, signed in as an admin.

Exit code 1 when it finds anything, or when the app has answered with an error of its own.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import re
import shutil
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

import sqlalchemy as sa

from tests.crawl import report, tool
from tests.running import Running

EMAIL, PASSWORD = "crawler@example.com", "a crawl through all the doors"
SECONDS = 1800
STARTS = ("/", "/people", "/lists", "/campaigns", "/settings", "/deliverability", "/operators", "/profile")
# What would end the crawler's own session: signing out, and five wrong answers to a question for the password.
EXCLUDED = ("/sign-out*", "/profile/password*", "/profile/sign-out-everywhere*", "/confirm*")
SESSIONS_OF = ("/profile/security/sessions/*", "/operators/{own}", "/operators/{own}/*")


def main(seconds: int, only: list[str], kept: Path | None) -> int:
    tool.install()
    with tempfile.TemporaryDirectory(prefix="columba-crawl-") as folder:
        data = Path(folder) / "data"
        with Running(data, workers=1, command="demo") as site:
            own = site.json(
                *("operator", "create", EMAIL, "--role", "admin", "--password-stdin"), input_=f"{PASSWORD}\n"
            )["id"]
            made = tool.run(
                site.url,
                starts=STARTS,
                excluded=[*EXCLUDED, *(each.format(own=own) for each in SESSIONS_OF)],
                cookie=signed_in(site),
                seconds=seconds,
                into=Path(folder),
                modules=only or tool.MODULES,
            )
        found, errors = report.findings(made), list(report.errors(data / "log"))
        if kept:
            shutil.copytree(folder, kept, dirs_exist_ok=True)
        print(
            f"\n{report.pages(made)} pages crawled, {len(found)} findings, {len(errors)} errors in the logs."
        )
        for each in (*found, *errors):
            print(f"  {each}")
        return 1 if found or errors or report.pages(made) < 40 else 0


def signed_in(site: Running) -> str:
    """The cookie of a browser that has signed in, and is asked for the password no more."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    page = browser.open(f"{site.url}/sign-in").read().decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    typed = urllib.parse.urlencode({"email": EMAIL, "password": PASSWORD, "csrf_token": token[1]})
    browser.open(f"{site.url}/sign-in", typed.encode()).read()
    browser.open(f"{site.url}/people/new").read()  # the token of its form is kept in the cookie
    engine = sa.create_engine(f"sqlite:///{site.data_dir / 'columba.db'}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        confirmed = "UPDATE operator_session SET confirmed_at = '2099-01-01 00:00:00.000000'"
        assert connection.execute(sa.text(confirmed)).rowcount == 1
    return "; ".join(f"{each.name}={each.value}" for each in jar)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=int, default=SECONDS, help="for all of it, at most")
    arguments.add_argument("--only", action="append", default=[], help="only this module of Wapiti")
    arguments.add_argument("--keep", type=Path, help="a folder for the report, the logs and the data")
    chosen = arguments.parse_args()
    sys.exit(main(chosen.seconds, chosen.only, chosen.keep))
