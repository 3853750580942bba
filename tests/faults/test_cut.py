"""The short fault run: some of each family, in processes of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.running import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.xdist_group("faults")]


def test_no_fault_of_the_short_run_loses_anybody_or_breaks_a_bound() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--cut", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    found = json.loads(run.stdout)
    broken = [f"{each['fault']}: {each['problems']}" for each in found["faults"] if each["problems"]]
    assert not broken, "\n".join(broken)
    assert run.returncode == 0
    assert all(each["injected"] > 0 and each["lost"] == 0 for each in found["faults"])
