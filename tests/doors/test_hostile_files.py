"""Files made to cost as much as they can: whoever reads them answers soon, and nobody waits for the database."""

from __future__ import annotations

import io

import pytest

from tests.browser_client import BrowserClient
from tests.factories import make_list
from tests.patterns.clock import at_most_cpu_s

SIZE = 4_500_000
LONGEST_S = 10
FILES = {
    "blank lines": ("", "\n"),
    "blank lines after a person": ("email\nann@example.org\n", "\r\n"),
    "lines of separators": ("email,name\n", ",\n"),
    "a quote that never ends": ('email\n"', "a\n"),
    "quotes": ("email\n", '"'),
    "one line": ("", "a,"),
    "spaces": ("email\n", " "),
    "zero bytes": ("", "\0"),
}


@pytest.mark.parametrize("name", FILES)
def test_an_upload_is_soon_taken_or_refused(ben: BrowserClient, name: str) -> None:
    beginning, pump = FILES[name]
    raw = (beginning + pump * (SIZE // len(pump))).encode()
    into = make_list("Readers").id
    with at_most_cpu_s(LONGEST_S):
        answer = ben.post(
            "/imports/new", data={"list_id": str(into), "file": (io.BytesIO(raw), "people.csv")}
        )
    assert answer.status_code in (303, 422)
    if answer.status_code == 303:
        with at_most_cpu_s(LONGEST_S):
            assert ben.get(answer.location).status_code == 200
