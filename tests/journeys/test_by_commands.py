"""The main job by commands alone: CSV in, mail out over a real SMTP conversation, numbers back."""

from __future__ import annotations

import csv
import io
import os
import signal
import time
from pathlib import Path

import pytest

from tests.fakes.smtp_server import SmtpServer
from tests.journeys import reader
from tests.journeys.commands import HTML, set_up
from tests.running import Running


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.xdist_group("journeys")
def test_the_main_job_by_commands_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    with (
        SmtpServer() as server,
        Running(tmp_path / "data", workers=2, DATABASE_URL=postgres_url) as site,
    ):
        assert "/welcome/" in site.welcome_link
        made = site.json(
            *("operator", "create", "ada@example.com", "--role", "admin", "--password-stdin"),
            input_="correct horse battery staple\n",
        )
        assert made["role"] == "admin"
        campaign = set_up(site, server, tmp_path, people=60)
        assert site.json("campaign", "status", str(campaign))["status"] == "draft"
        site.json("campaign", "schedule", str(campaign), "--grace", "0")
        done = site.until(campaign, "finished")
        assert done["states"]["sent"] == done["audience"] == 60
        mails = {rcpt: raw for _from, rcpt, raw in server.messages}
        assert len(server.messages) == len(mails) == 60
        for address, raw in mails.items():
            reader.check_bytes(raw)
            assert str(reader.parse(raw)["To"].addresses[0].addr_spec) == address
        zoe, friend = mails["reader1@example.org"], mails["reader0@example.org"]
        assert reader.parse(zoe)["Subject"] == "Grüße Zoë"
        assert reader.parse(friend)["Subject"] == "Grüße friend"
        assert "Grüße, Zoë!" in reader.html_of(zoe)
        assert "Grüße, friend!" in reader.text_of(friend)
        assert len({str(reader.parse(raw)["Message-ID"]) for raw in mails.values()}) == 60

        status, headers, body = reader.fetch(reader.pixel_of(zoe))
        assert (status, headers["Content-Type"], body[:3]) == (200, "image/gif", b"GIF")
        status, headers, _body = reader.fetch(reader.links_of(zoe)[0])
        assert (status, headers["Location"]) == (302, "https://example.com/a?x=1&y=2")
        status, headers, _body = reader.fetch(reader.one_click_of(friend), body=b"List-Unsubscribe=One-Click")
        assert status == 200
        assert "Set-Cookie" not in headers
        figures = site.json("campaign", "status", str(campaign))
        assert (figures["opens"], figures["clicks"], figures["unsubscribes"]) == (1, 1, 1)

        rows = list(csv.reader(io.StringIO(site.flask("people", "export", "--list", "Readers"))))
        status_of = {row[rows[0].index("email")]: row[rows[0].index("status")] for row in rows[1:]}
        assert status_of["reader0@example.org"] == "unsubscribed"
        assert status_of["reader1@example.org"] == "subscribed"
        assert site.stop() == 0


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.xdist_group("journeys")
def test_killing_workers_and_flushing_redis_in_mid_send_loses_nobody(tmp_path: Path) -> None:
    people, kills = 2000, 2
    with SmtpServer(delay_s=0.002) as server, Running(tmp_path / "data", workers=2) as site:
        campaign = set_up(site, server, tmp_path, people=people)
        site.json("campaign", "schedule", str(campaign), "--grace", "0")
        for number in range(kills):
            wanted = people * (number + 1) // (kills + 2)
            deadline = time.monotonic() + 120
            while len(server.messages) < wanted and time.monotonic() < deadline:
                time.sleep(0.05)
            if number == 1:
                _flush_redis(site)
            for pid in site.children("worker"):
                os.kill(pid, signal.SIGKILL)
        done = site.until(campaign, "finished", timeout_s=240)
    copies: dict[str, int] = {}
    for _from, address, _raw in server.messages:
        copies[address] = copies.get(address, 0) + 1
    assert len(copies) == people, "somebody was lost"
    assert sum(done["states"].values()) == done["audience"] == people
    assert done["states"]["sent"] == people
    assert max(copies.values()) <= 2
    connections, depth, workers = 5, 10, 2
    assert len(server.messages) - people <= kills * workers * connections * depth


def _flush_redis(site: Running) -> None:
    import redis

    from campaigns.core.config import private_redis_url

    redis.Redis.from_url(private_redis_url(site.data_dir)).flushall()


@pytest.mark.slow
@pytest.mark.xdist_group("journeys")
def test_commands_say_in_one_sentence_what_they_can_not_do(tmp_path: Path) -> None:
    with Running(tmp_path / "data") as site:
        (tmp_path / "mail.html").write_text(HTML, encoding="utf-8")
        (tmp_path / "empty.csv").write_text("")
        (tmp_path / "hostile.html").write_text("<p>{{ ''.__class__.__mro__ }}</p>")
        site.flask("list", "create", "Readers")
        create = ["campaign", "create", "--name", "N", "--subject", "S", "--from", "a@example.com"]
        refused = [
            ["list", "create", "Readers"],
            ["people", "import", str(tmp_path / "empty.csv"), "--list", "Readers"],
            ["people", "import", str(tmp_path / "mail.html"), "--list", "Nowhere"],
            ["people", "export", "--list", "Nowhere"],
            ["campaign", "status", "4711"],
            ["campaign", "pause", "4711"],
            [*create, "--list", "Nowhere", "--html", str(tmp_path / "mail.html")],
            [*create, "--list", "Readers", "--html", str(tmp_path / "mail.html"), "--server", "Nowhere"],
            ["operator", "create", "not an address", "--role", "admin", "--password-stdin"],
        ]
        for arguments in refused:
            answer = site.flask(*arguments, input_="short\n", check=False)
            code, _, said = answer.partition("\n")
            assert code == "1", f"{arguments} -> {answer}"
            assert said.startswith("Error: "), said
            assert "Traceback" not in said
            assert len(said.strip().splitlines()) == 1, said
