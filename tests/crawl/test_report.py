"""What a crawl's report says fails, and what is only so over plain HTTP does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.crawl import report

XSS = {
    "info": "XSS vulnerability found via injection in the parameter q",
    "http_request": "GET /people?q=x HTTP/1.1\nhost: a",
}
HSTS = {"info": "Strict-Transport-Security is not set", "method": "GET", "path": "/"}


def written(folder: Path, **sections: Any) -> Path:
    path = folder / "report.json"
    path.write_text(json.dumps({"infos": {"crawled_pages_nbr": 3}, **sections}))
    return path


@pytest.mark.parametrize("section", ["vulnerabilities", "anomalies"])
def test_what_was_found_is_told_with_its_request(tmp_path: Path, section: str) -> None:
    found = report.findings(
        written(tmp_path, **{section: {"Cross Site Scripting": [XSS], "SQL Injection": []}})
    )
    assert [str(each) for each in found] == [
        f"Cross Site Scripting: {XSS['info']}\n    GET /people?q=x HTTP/1.1"
    ]


def test_what_only_plain_http_lacks_is_no_finding(tmp_path: Path) -> None:
    path = written(tmp_path, vulnerabilities={"HTTP Strict Transport Security (HSTS)": [HSTS]})
    assert report.findings(path) == []
    assert report.pages(path) == 3


def test_errors_in_the_logs_are_told_with_their_log(tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text(
        "[..] INFO in campaigns: fine\n[..] ERROR in campaigns: GET /people\nTraceback (most recent call last):\n"
    )
    (tmp_path / "dispatcher.log").write_text("[..] WARNING in campaigns: nothing\n")
    assert list(report.errors(tmp_path)) == [
        "web.log: [..] ERROR in campaigns: GET /people",
        "web.log: Traceback (most recent call last):",
    ]
