"""The app answers to its own names only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from campaigns.core.config import ConfigError, from_env
from campaigns.core.hosts import is_known
from tests.conftest import make_app, make_config

NAMES = frozenset({"mail.example.org", "xn--bcher-kva.example"})
OURS = (
    *("mail.example.org", "MAIL.example.org:443", "mail.example.org.", "xn--bcher-kva.example"),
    *("127.0.0.1:8000", "[::1]:8000", "192.0.2.7", "localhost", "localhost:8000"),
)
FOREIGN = (
    *(
        "evil.example",
        "mail.example.org.evil.example",
        "evil.example:80@mail.example.org",
        "",
        "mail.example.org:x",
    ),
    *(
        "mail.example.org,evil.example",
        "mail.example.org evil.example",
        "a" * 64 + ".example",
        "é.example",
        "[::1",
    ),
    *("mail.example.org/evil", "xmail.example.org", "127.0.0.1.evil.example", "a" * 5000),
)


@pytest.mark.parametrize("host", OURS)
def test_our_names_and_bare_addresses_are_known(host: str) -> None:
    assert is_known(host, NAMES)


@pytest.mark.parametrize("host", FOREIGN)
def test_other_names_are_not(host: str) -> None:
    assert not is_known(host, NAMES)


@pytest.mark.parametrize("host", ["evil.example", "a" * 64 + ".example", "mail.example.org:99999999"])
@pytest.mark.parametrize("path", ["/sign-in", "/health", "/nowhere", "/static/src/app.css"])
def test_a_request_for_another_name_is_refused_on_every_page(client, caplog, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert (answer.status_code, answer.mimetype) == (421, "text/plain")
    assert caplog.records == []


def test_a_site_answers_to_the_names_that_it_lists(sqlite_url: str, tmp_path: Path) -> None:
    config = make_config(tmp_path, sqlite_url)
    config = replace(config, public_url="https://bücher.example", other_hosts=frozenset({"mail.example.org"}))
    browser = make_app(config).test_client()
    for host in ("xn--bcher-kva.example", "mail.example.org"):
        assert browser.get("/health", headers={"Host": host}).status_code == 200
    assert browser.get("/health", headers={"Host": "bücher.example.evil"}).status_code == 421


def test_browsers_keep_to_https_below_our_name_too(sqlite_url: str, tmp_path: Path) -> None:
    config = replace(make_config(tmp_path, sqlite_url), public_url="https://mail.example.org")
    answer = make_app(config).test_client().get("/health", base_url="https://mail.example.org")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(
    ("environ", "what"),
    [
        ({"SECRET_KEY": "x"}, "SECRET_KEY must have at least 32 characters"),
        ({"SECRET_KEY": "a" * 31}, "SECRET_KEY"),
        ({"FLASK_DEBUG": "1"}, "FLASK_DEBUG must not be set"),
        ({"FLASK_DEBUG": "true"}, "FLASK_DEBUG"),
        ({"INTERNAL_HOSTS": "10.0.0.0/99"}, "INTERNAL_HOSTS must list"),
    ],
)
def test_what_would_open_the_site_does_not_start(tmp_path: Path, environ: dict[str, str], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        from_env({"DATA_DIR": str(tmp_path), **environ})


def test_the_other_names_come_from_the_environment(tmp_path: Path) -> None:
    environ = {
        "DATA_DIR": str(tmp_path),
        "PUBLIC_URL": "https://a.example",
        "OTHER_HOSTS": "b.example, Bücher.example",
    }
    found = from_env({**environ, "SECRET_KEY": "a" * 32, "FLASK_DEBUG": "0"})
    assert found.hosts == {"a.example", "b.example", "xn--bcher-kva.example"}
