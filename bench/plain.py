"""What one would write first: a loop over smtplib and EmailMessage that records each result.

The recipients, the content and the sink are those of the engine; the connection is kept open, so
the comparison is with a good plain loop.
"""

from __future__ import annotations

import smtplib
import sqlite3
import time
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

import psycopg

from bench.content import HTML, LINKS, SUBJECT, TEXT
from campaigns.core import clock

TABLE = "CREATE TABLE plain_result (address TEXT PRIMARY KEY, code INTEGER)"


def run(people: list[tuple[str, str]], port: int, folder: Path, *, database_url: str | None) -> float:
    """Messages per second of the plain loop; each result is committed, as it must be to survive a crash."""
    record, close = _recorder(folder, database_url)
    started = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as connection:
        for number, (address, name) in enumerate(people):
            message = _message(address, name, number)
            connection.send_message(message, "bounce@example.com", [address])
            record(address)
    elapsed = time.perf_counter() - started
    close()
    return len(people) / elapsed


def _recorder(folder: Path, database_url: str | None):
    if database_url:
        connection = psycopg.connect(database_url.replace("+psycopg", ""))
        place = "%s"
    else:
        connection = sqlite3.connect(folder / "plain.db")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        place = "?"
    connection.execute("DROP TABLE IF EXISTS plain_result")
    connection.execute(TABLE)
    connection.commit()

    def record(address: str) -> None:
        connection.execute(f"INSERT INTO plain_result VALUES ({place}, 250)", (address,))
        connection.commit()

    return record, connection.close


def _message(address: str, name: str, number: int) -> EmailMessage:
    token = f"{number:x}-{'0' * 32}"
    html, text = HTML, TEXT
    for position, link in enumerate(LINKS):
        html = html.replace(link, f"http://127.0.0.1/c/{token}/{position}")
        text = text.replace(link, f"http://127.0.0.1/c/{token}/{position}")
    unsubscribe = f"http://127.0.0.1/u/{token}"
    names = {'{{ first_name | default("friend") }}': name or "friend", "{{ unsubscribe_url }}": unsubscribe}
    for tag, value in names.items():
        html, text = html.replace(tag, value), text.replace(tag, value)
    message = EmailMessage()
    message["From"] = "The Pigeon Post <news@example.com>"
    message["To"] = address
    message["Subject"] = SUBJECT.replace('{{ first_name | default("friend") }}', name or "friend")
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain="example.com")
    message["List-Unsubscribe"] = f"<{unsubscribe}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text)
    message.add_alternative(
        html.replace("</body>", f'<img src="http://127.0.0.1/o/{token}.gif"></body>'), subtype="html"
    )
    return message
