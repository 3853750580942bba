"""A site that is set up by commands."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.fakes.smtp_server import SmtpServer
from tests.running import Running

HTML = """<html><head><title>Hi</title></head><body>
<h1>Grüße, {{ first_name | default("friend") }}!</h1>
<p><a href="https://example.com/a?x=1&amp;y=2">One</a> <a href="https://example.com/b">Two</a></p>
</body></html>"""


def write_people(folder: Path, *, good: int, bad: int = 0) -> Path:
    path = folder / "people.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Email", "First name", "City"])
        for number in range(good):
            writer.writerow([f"reader{number}@example.org", "Zoë" if number % 2 else "", f"City {number}"])
        for number in range(bad):
            writer.writerow([f"bad address {number}", "Nobody", ""])
    return path


def set_up(site: Running, server: SmtpServer, folder: Path, *, people: int) -> int:
    """A server, a list with people, a campaign; its id."""
    (folder / "mail.html").write_text(HTML, encoding="utf-8")
    site.flask(
        "server", "create", "wire", "--host", "127.0.0.1", "--port", str(server.port), "--security", "none"
    )
    site.flask("list", "create", "Readers")
    counts = site.json("people", "import", str(write_people(folder, good=people, bad=2)), "--list", "Readers")
    assert (counts["new"], counts["refused"]) == (people, 2)
    made = site.json(
        *("campaign", "create", "--name", "First", "--subject", "Grüße {{ first_name | default('friend') }}"),
        *("--from", "The Pigeon Post <news@example.com>", "--list", "Readers", "--server", "wire"),
        *("--html", str(folder / "mail.html")),
    )
    return int(made["id"])
