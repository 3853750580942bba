"""The ack journal tells the next lane what the dead one knew."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from campaigns.core import clock
from campaigns.delivery.sender import ack_journal
from campaigns.delivery.sender.ack_journal import Journal, Mark


def test_the_last_mark_of_a_mail_counts(tmp_path: Path) -> None:
    kept = Journal(tmp_path, "lane", mails=4)
    kept.write(1, 7, Mark.HANDED)
    kept.write(1, 7, Mark.ACCEPTED, 250)
    kept.write(2, 7, Mark.HANDED)
    notes = ack_journal.read(tmp_path, "lane")
    assert notes and notes.is_whole
    assert (notes.of(1, 7), notes.code(1, 7)) == (Mark.ACCEPTED, 250)
    assert notes.of(2, 7) is Mark.HANDED
    assert notes.of(3, 7) is None
    assert notes.of(1, 8) is None


def test_it_outlives_a_killed_process(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        kept = Journal(tmp_path, "lane", mails=4)
        kept.write(1, 1, Mark.ACCEPTED, 250)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    notes = ack_journal.read(tmp_path, "lane")
    assert notes and notes.of(1, 1) is Mark.ACCEPTED


def test_places_are_used_again_and_the_order_stays_right(tmp_path: Path) -> None:
    kept = Journal(tmp_path, "lane", mails=1)
    kept.write(1, 1, Mark.HANDED)
    kept.write(1, 1, Mark.NOT_SENT)
    for _window in range(5):
        kept.forget([1])
        kept.write(1, 1, Mark.HANDED)
        kept.write(1, 1, Mark.NOT_SENT)
    kept.forget([1])
    kept.write(1, 1, Mark.HANDED)
    notes = ack_journal.read(tmp_path, "lane")
    assert notes and notes.of(1, 1) is Mark.HANDED


def test_what_was_written_before_a_power_cut_proves_no_silence(tmp_path: Path) -> None:
    kept = Journal(tmp_path, "lane", mails=1)
    kept.write(1, 1, Mark.ACCEPTED, 250)
    kept.close(remove=False)
    path = ack_journal.path_of(tmp_path, "lane")
    path.write_bytes(
        b"another boot".ljust(ack_journal.HEADER_BYTES, b"\0") + path.read_bytes()[ack_journal.HEADER_BYTES :]
    )
    notes = ack_journal.read(tmp_path, "lane")
    assert notes and not notes.is_whole
    assert notes.of(1, 1) is Mark.ACCEPTED


def test_a_lane_that_wrote_nothing_is_known_as_such(tmp_path: Path) -> None:
    kept = Journal(tmp_path, "lane", mails=1)
    assert kept.is_blank
    kept.write(1, 1, Mark.HANDED)
    assert not kept.is_blank


def test_a_torn_record_is_left_out(tmp_path: Path) -> None:
    kept = Journal(tmp_path, "lane", mails=2)
    kept.write(1, 1, Mark.ACCEPTED, 250)
    kept.write(2, 1, Mark.ACCEPTED, 250)
    kept.close(remove=False)
    path = ack_journal.path_of(tmp_path, "lane")
    raw = bytearray(path.read_bytes())
    raw[ack_journal.HEADER_BYTES + ack_journal.RECORD_BYTES + 9] ^= 0xFF
    path.write_bytes(bytes(raw))
    notes = ack_journal.read(tmp_path, "lane")
    assert notes and (notes.of(1, 1), notes.of(2, 1)) == (Mark.ACCEPTED, None)


def test_a_lane_of_another_host_left_no_notes_here(tmp_path: Path) -> None:
    assert ack_journal.read(tmp_path, "elsewhere") is None


def test_a_mail_more_than_there_is_room_for_is_refused_until_one_is_forgotten(tmp_path: Path) -> None:
    kept = Journal(tmp_path, "lane", mails=1)
    for _time in range(3):
        kept.write(1, 1, Mark.HANDED)
    with pytest.raises(BufferError):
        kept.write(2, 1, Mark.HANDED)
    kept.forget([1])
    kept.write(2, 1, Mark.HANDED)
    notes = ack_journal.read(tmp_path, "lane")
    assert notes and (notes.of(1, 1), notes.of(2, 1)) == (None, Mark.HANDED)


def test_what_came_of_a_mail_stands_beside_its_handing_over(tmp_path: Path) -> None:
    kept = Journal(tmp_path, "lane", mails=1)
    kept.write(1, 1, Mark.HANDED)
    kept.write(1, 1, Mark.ACCEPTED, 250)
    path = ack_journal.path_of(tmp_path, "lane")
    content = bytearray(path.read_bytes())
    content[ack_journal.HEADER_BYTES + ack_journal.RECORD_BYTES + 3] ^= 0xFF  # killed while it was written
    path.write_bytes(content)
    notes = ack_journal.read(tmp_path, "lane")
    assert notes and notes.of(1, 1) is Mark.HANDED


def test_journals_nobody_needs_are_swept_away_when_they_are_old(tmp_path: Path) -> None:
    for owner in ("old", "needed", "young"):
        Journal(tmp_path, owner, mails=1).close(remove=False)
    for owner in ("old", "needed"):
        os.utime(ack_journal.path_of(tmp_path, owner), (0, 0))
    ack_journal.sweep(tmp_path, still_needed={"needed"})
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["needed", "young"]


def test_a_lane_that_lives_is_not_abandoned_and_one_that_ended_is(tmp_path: Path) -> None:
    alive = Journal(tmp_path, "alive", mails=10)
    Journal(tmp_path, "dead", mails=10).close(remove=False)
    assert list(ack_journal.abandoned(tmp_path)) == ["dead"]
    assert ack_journal.owners(tmp_path) == {"alive", "dead"}
    alive.close(remove=False)
    assert list(ack_journal.abandoned(tmp_path)) == ["alive", "dead"]


def test_of_two_who_look_for_the_dead_only_one_gets_each(tmp_path: Path) -> None:
    Journal(tmp_path, "dead", mails=10).close(remove=False)
    first = ack_journal.abandoned(tmp_path)
    assert next(first) == "dead"
    assert list(ack_journal.abandoned(tmp_path)) == []
    first.close()
    assert list(ack_journal.abandoned(tmp_path)) == ["dead"]


def test_a_lane_lives_as_long_as_it_holds_its_journal_and_its_lease_lasts_by_the_hosts_counter(
    tmp_path: Path,
) -> None:
    lane = Journal(tmp_path, "lane", mails=1)
    assert ack_journal.living(tmp_path) == set(), "it has not said for how long"
    lane.lives_until(clock.boot_seconds() + 60)
    assert ack_journal.living(tmp_path) == {"lane"}
    lane.lives_until(clock.boot_seconds() - 1)
    assert ack_journal.living(tmp_path) == set(), "frozen, or hanging: it ends no mail any more"
    lane.lives_until(clock.boot_seconds() + 60)
    lane.close(remove=False)
    assert ack_journal.living(tmp_path) == set()
    notes = ack_journal.read(tmp_path, "lane")
    assert notes
    assert notes.is_whole


def test_what_was_written_before_the_last_boot_says_nothing_of_a_lane_that_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = Journal(tmp_path, "lane", mails=1)
    lane.lives_until(clock.boot_seconds() + 1e6)
    another = tmp_path / "boot_id"
    another.write_text("9d0e4b2c-0000-4000-8000-000000000000\n")
    monkeypatch.setattr(ack_journal, "_BOOT", another)
    assert ack_journal.living(tmp_path) == set()
    lane.close(remove=True)
