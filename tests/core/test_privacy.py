"""What other users of the machine, and readers of the logs, must not see."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from campaigns.core import files
from campaigns.core.db import db
from campaigns.notices.models import Notice
from tests.factories import NOON

ROOT = Path(__file__).resolve().parents[2]
START = {
    "a worker, dispatcher or mailbox": "from campaigns import bootstrap; bootstrap.without_pages()",
    "the web server or `up`": "import wsgi",
}


def start(what: str, folder: Path, then: str = "") -> None:
    """Start a process of the app under the usual umask, which lets everybody read."""
    environ = {**os.environ, "DATA_DIR": str(folder), "REDIS_URL": "redis://127.0.0.1:1/0"}
    code = f"import os; os.umask(0o022)\n{START[what]}\n{then}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, check=True, timeout=120)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("what", START)
def test_other_users_of_the_machine_read_nothing_that_a_process_writes(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "data"
    start(what, folder, then=f"open({str(folder / 'later.csv')!r}, 'w').close()")
    assert {path.name: mode(path) & 0o077 for path in folder.iterdir()} == {"secret_key": 0, "later.csv": 0}
    assert mode(folder) == 0o700


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A data folder as it was made before: everybody may read it."""
    folder = tmp_path / "data"
    for name in (
        "columba.db",
        "columba.db-wal",
        "practice.db",
        "files/a.csv",
        "log/web.log",
        "redis/aof/1.aof",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(0o644)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    return folder


def test_a_folder_that_was_open_is_closed_with_all_that_is_in_it(open_folder: Path) -> None:
    files.make_private(open_folder)
    assert {mode(path) & 0o077 for path in (open_folder, *open_folder.rglob("*"))} == {0}
    assert {mode(path) & 0o700 for path in open_folder.rglob("*.csv")} == {0o600}


def test_what_is_not_of_the_app_keeps_its_mode(open_folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(mode=0o644)
    elsewhere.chmod(0o644)
    (open_folder / "files" / "link").symlink_to(elsewhere)
    program = open_folder / "backup.sh"
    program.touch()
    program.chmod(0o755)
    files.make_private(open_folder)
    assert mode(elsewhere) == 0o644
    assert mode(program) == 0o755


def test_a_folder_that_all_may_use_stays_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    files.make_private(tmp_path)
    assert mode(tmp_path) == 0o1777


SECRET = "a-link-that-sets-a-password"


def logged(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_a_stranger_writes_no_line_of_the_log(app, capsys) -> None:
    fake = "[2026-11-23 12:00:00,000] ERROR in campaigns: all is lost"
    for sign in ("\n", "\r", "\r\n", "\x0b", "\x85", "\u2028", "\x1b[2K"):
        logging.getLogger("campaigns.anything").error("asked for %s", f"/x{sign}{fake}")
        try:
            raise ValueError(f"bad{sign}{fake}")
        except ValueError:
            logging.getLogger("campaigns.anything").exception("failed")
    lines = logged(capsys).splitlines()
    assert len([line for line in lines if fake in line]) >= 14
    assert not [line for line in lines if line.startswith(fake)]
    assert not [line for line in lines if "\x1b" in line]


def test_the_log_has_no_values_of_a_row_that_could_not_be_kept(each_database, capsys) -> None:
    row = {"kind": "reset", "to_address": "ada@example.com", "subject": None, "text": SECRET}
    with pytest.raises(sa.exc.IntegrityError) as failed:
        db.session.execute(sa.insert(Notice).values(**row, created_at=NOON, expires_at=NOON, attempts=0))
    logging.getLogger("campaigns").error("not kept", exc_info=failed.value)
    said = logged(capsys)
    assert "IntegrityError" in said
    assert SECRET not in said


def test_the_log_has_no_secret_of_a_path(app, client, capsys, monkeypatch) -> None:
    def broken(*_args: object, **_values: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("campaigns.accounts.queries.reset_by_secret", broken)
    assert client.get(f"/reset/{SECRET}").status_code == 500
    said = logged(capsys)
    assert "GET /reset/<secret>" in said
    assert SECRET not in said
