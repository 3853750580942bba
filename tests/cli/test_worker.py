"""What becomes of `flask worker`: a process that has nothing but what sending needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from campaigns.bootstrap import without_pages
from campaigns.core import mailtext
from campaigns.core.config import from_env
from campaigns.core.jobs import JOBS
from tests.cli.processes import NOT_NEEDED, ROOT

LOADED = """
import json, sys
from importlib import import_module
import campaigns.worker
for name in {jobs!r}:
    import_module(name.rpartition(".")[0])
print(json.dumps(sorted(sys.modules)))
"""


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "DATA_DIR": str(folder), "REDIS_URL": "redis://127.0.0.1:1/0"}
    environ.pop("DATABASE_URL", None)
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )


def test_a_worker_loads_no_pages_forms_or_migrations(tmp_path: Path) -> None:
    found = set(json.loads(run("-c", LOADED.format(jobs=sorted(JOBS)), folder=tmp_path).stdout))
    assert "campaigns.delivery.jobs" in found
    assert {name.split(".")[0] for name in found} & NOT_NEEDED == set()
    assert [
        name for name in found if name.startswith("campaigns.") and name.endswith((".views", ".forms"))
    ] == []


def test_a_worker_that_can_not_start_says_why_in_a_sentence(tmp_path: Path) -> None:
    done = run("-m", "flask", "--app", "wsgi", "worker", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "Error: The database has no tables yet. Run: flask --app wsgi db upgrade\n"


def test_a_process_without_pages_writes_mails_in_the_language_of_their_reader(tmp_path: Path) -> None:
    environ = {"DATA_DIR": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"}
    with without_pages(from_env(environ)).app_context():
        values = {"site": "Pigeon Post", "link": "https://news.example.com/reset/x", "minutes": 30}
        in_english = mailtext.render("reset", language="en", **values)
        in_chinese = mailtext.render("reset", language="zh", **values)
    assert in_english.subject.isascii()
    assert not in_chinese.subject.isascii()
