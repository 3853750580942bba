"""The test inbox: an SMTP server that keeps everything, and the pages to read it."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from campaigns.core import config as configuration
from campaigns.core import framing
from campaigns.core.config import Config
from campaigns.core.errors import NotFound
from campaigns.practice import server, store
from tests.practice.conftest import make_config

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def make_raw(
    subject: str = "Hello", html: str = "<p>Hello <a href='http://localhost/c/x'>there</a></p>"
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Post <post@example.com>", "ann@example.org", subject
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # as campaigns have it
    message.set_content("Hello in text")
    message.add_alternative(html, subtype="html")
    return message.as_bytes().replace(b"\n", b"\r\n")


def make_mail(
    config: Config, subject: str = "Hello", to: str = "ann@example.org", raw: bytes | None = None
) -> int:
    store.keep(config, [store.Arrival(NOON, "post@example.com", to, raw or make_raw(subject))])
    return store.page(config, with_own=True).items[0].id


def test_a_mail_that_was_accepted_is_kept_byte_for_byte(box: Config) -> None:
    raw = make_raw("A dot line") + b"..\r\n.leading\r\n\xc3\xa4\r\n"
    with smtplib.SMTP("127.0.0.1", box.practice_port) as client:
        client.sendmail("post@example.com", ["ann@example.org"], raw, mail_options=["BODY=8BITMIME"])
    assert store.raw_messages(box) == [raw]
    kept = store.page(box).items[0]
    assert (kept.mail_from, kept.rcpt_to, kept.size) == ("post@example.com", "ann@example.org", len(raw))


def test_mails_that_wait_when_it_is_stopped_are_kept_and_it_ends(tmp_path: Path) -> None:
    config = make_config(tmp_path)

    async def stop() -> None:
        handler = server._Handler(config)
        kept: list[asyncio.Future[None]] = []
        for subject in ("One", "Two"):
            kept.append(asyncio.get_running_loop().create_future())
            arrival = store.Arrival(NOON, "post@example.com", "ann@example.org", make_raw(subject))
            await handler.waiting.put(([arrival], kept[-1]))
        await handler.close()
        await asyncio.wait_for(handler.write(), 10)
        await asyncio.gather(*kept)

    asyncio.run(stop())
    assert {mail.subject for mail in store.page(config).items} == {"One", "Two"}


def test_each_recipient_of_an_envelope_has_a_mail(box: Config) -> None:
    with smtplib.SMTP("127.0.0.1", box.practice_port) as client:
        client.sendmail("post@example.com", ["ann@example.org", "bob@example.org"], make_raw())
    assert {mail.rcpt_to for mail in store.page(box).items} == {"ann@example.org", "bob@example.org"}


def test_failures_can_be_practised(box: Config) -> None:
    with smtplib.SMTP("127.0.0.1", box.practice_port) as client:
        client.ehlo()
        client.mail("news@example.com")
        assert client.rcpt("nobody.ana@example.org")[0] == 550
        assert client.rcpt("ana@example.org")[0] == 250


def test_it_offers_pipelining_and_copes_with_it(box: Config) -> None:
    raw = make_raw()
    envelope = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
    with socket.create_connection(("127.0.0.1", box.practice_port), 5) as connection:
        replies = connection.makefile("rb")
        assert replies.readline().startswith(b"220")
        connection.sendall(b"EHLO here\r\n")
        offers = []
        while (line := replies.readline())[3:4] == b"-":
            offers.append(line[4:].strip())
        offers.append(line[4:].strip())
        assert {b"PIPELINING", b"8BITMIME", b"SMTPUTF8"} <= set(offers)
        connection.sendall(envelope)
        for _mail in range(20):  # the message and the next envelope in one write
            assert [replies.readline()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
            connection.sendall(raw + b".\r\n" + envelope)
            assert replies.readline()[:3] == b"250"
    assert store.count(box) == 20


def test_many_connections_at_once_lose_nothing(box: Config) -> None:
    def send(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", box.practice_port) as client:
            for each in range(25):
                client.sendmail("post@example.com", [f"p{number}.{each}@example.org"], make_raw())

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert store.count(box) == 200


def test_a_mailbox_that_can_not_write_says_so_and_goes_on(box: Config) -> None:
    path = box.data_dir / "practice.db"
    path.mkdir()
    with smtplib.SMTP("127.0.0.1", box.practice_port) as client:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("post@example.com", ["ann@example.org"], make_raw())
        assert refused.value.smtp_code == 451
        path.rmdir()
        client.sendmail("post@example.com", ["ann@example.org"], make_raw())
    assert store.count(box) == 1


def test_only_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_KEPT", 3)
    config = make_config(tmp_path)
    for number in range(5):
        make_mail(config, f"Mail {number}")
    assert [mail.subject for mail in store.page(config).items] == ["Mail 4", "Mail 3", "Mail 2"]


def test_search_finds_words_of_subject_and_address(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    make_mail(config, "Grüße aus dem Nest", "ann@example.org")
    make_mail(config, "100% pigeon_post", "bob@example.org")
    for words, found in [
        ("nest", 1),
        ("ANN nest", 1),
        ("bob nest", 0),
        ("%", 1),
        ("_", 1),
        ("'; --", 0),
        ("", 2),
    ]:
        assert store.page(config, search=words).total == found, words


def test_an_emptied_mailbox_never_reuses_a_number(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    first = make_mail(config)
    assert store.empty(config) == 1
    with pytest.raises(NotFound):
        store.mail(config, first)
    assert make_mail(config) > first


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff",
        b"Subject: =?x-unknown?B?####?=\r\n\r\nhello",
        b"Content-Type: text/html; charset=nonsense\r\n\r\n<p>\xff",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Subject: a\r\nSubject: b\r\nFrom: =?utf-8?q?=0d=0aBcc: x?=\r\n\r\n",
        b"To: " + b"@" * 5000 + b"\r\n\r\n",
    ],
)
def test_any_bytes_can_be_kept_and_read(ada, raw: bytes) -> None:
    number = make_mail(configuration.current(), raw=raw)
    assert ada.get(f"/practice/{number}").status_code == 200
    for part in ("headers", "source"):
        assert ada.get(f"/practice/{number}?part={part}").status_code == 200


def test_the_list_shows_the_newest_first_and_says_that_nothing_left(ben) -> None:
    make_mail(configuration.current(), "The first")
    make_mail(configuration.current(), "The second")
    page = ben.get("/practice").get_data(as_text=True)
    assert page.index("The second") < page.index("The first")
    assert "These emails never left this machine" in page


def test_an_empty_mailbox_says_what_to_do(ada) -> None:
    assert "No emails yet" in ada.get("/practice").get_data(as_text=True)
    make_mail(configuration.current())
    assert "No matching emails" in ada.get("/practice?q=zebra").get_data(as_text=True)


def test_html_is_shown_in_a_frame_that_can_do_nothing_but_open_links(app, ada) -> None:
    number = make_mail(configuration.current(), raw=make_raw(html="<html><head><title>x</title></head><p>Hi"))
    page = ada.get(f"/practice/{number}").get_data(as_text=True)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    frame = FlaskClient.open(ada, f"/practice/{number}/html")
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'")
    assert "script" not in policy
    assert '<head><base target="_blank"><title>' in frame.get_data(as_text=True)


def test_text_headers_and_source_are_escaped(ada) -> None:
    raw = b"Subject: <script>alert(1)</script>\r\nX-Note: <img src=x>\r\n\r\n<script>alert(2)</script>"
    number = make_mail(configuration.current(), raw=raw)
    for part in ("text", "headers", "source"):
        page = ada.get(f"/practice/{number}?part={part}").get_data(as_text=True)
        assert "<script>alert" not in page
        assert "<img src=x>" not in page


def test_a_part_that_is_not_there_is_not_found(ada) -> None:
    number = make_mail(configuration.current(), raw=b"Subject: text only\r\n\r\nhello")
    assert ada.get(f"/practice/{number}?part=html").status_code == 404
    assert ada.get(f"/practice/{number}?part=nonsense").status_code == 404
    assert ada.get("/practice/999").status_code == 404


def test_a_mail_can_be_downloaded_as_it_came(ada) -> None:
    raw = make_raw()
    number = make_mail(configuration.current(), raw=raw)
    answer = ada.get(f"/practice/{number}.eml")
    assert answer.data == raw
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_editors_may_empty_it_and_viewers_not(ben, cleo) -> None:
    make_mail(configuration.current())
    assert cleo.post("/practice/delete").status_code == 403
    assert store.count(configuration.current()) == 1
    assert ben.post("/practice/delete").status_code == 303
    assert store.count(configuration.current()) == 0


def test_links_open_in_a_new_tab_wherever_the_head_is() -> None:
    tab = '<base target="_blank">'
    assert framing.in_new_tab("<p>a") == f"{tab}<p>a"
    assert framing.in_new_tab("<!DOCTYPE html><p>a") == f"<!DOCTYPE html>{tab}<p>a"
    assert framing.in_new_tab('<html><HEAD lang="x"><p>') == f'<html><HEAD lang="x">{tab}<p>'
