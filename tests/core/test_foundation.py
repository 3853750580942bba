"""The ground that everything stands on."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core import addresses, secrets, signing
from campaigns.core.config import ConfigError, from_env
from campaigns.core.db import db
from campaigns.core.errors import Misconfigured
from campaigns.core.signing import Purpose
from campaigns.settings import queries as settings_queries
from tests.factories import make_list, make_subscriber

KEY = b"k" * 32


def test_a_fresh_database_knows_its_site(each_database: Flask) -> None:
    assert settings_queries.site().name == "Columba"
    assert len(settings_queries.link_key()) == 32


def test_moments_come_back_aware(each_database: Flask) -> None:
    made = make_list().created_at
    db.session.expire_all()
    assert made.tzinfo is not None


def test_one_mailbox_is_one_subscriber(each_database: Flask) -> None:
    make_subscriber("Info@Bücher.example")
    with pytest.raises(sa.exc.IntegrityError):
        make_subscriber("info@xn--bcher-kva.example")


def test_a_token_opens_only_what_it_was_made_for() -> None:
    token = signing.sign(KEY, Purpose.TRACK, 4711)
    assert signing.read(KEY, Purpose.TRACK, token) == 4711
    assert signing.read(KEY, Purpose.TRACK, token.upper()) == 4711
    assert signing.read(KEY, Purpose.SUBSCRIPTION, token) is None
    assert signing.read(b"x" * 32, Purpose.TRACK, token) is None


@pytest.mark.parametrize("position", range(0, 37, 3))
def test_a_changed_token_opens_nothing(position: int) -> None:
    token = signing.sign(KEY, Purpose.TRACK, 4711)
    changed = token[:position] + ("0" if token[position] != "0" else "1") + token[position + 1 :]
    assert signing.read(KEY, Purpose.TRACK, changed) is None


@pytest.mark.parametrize("rubbish", ["", "-", "a", "a1", "a-", "az-00", "ä1-0", "a1-" + "0" * 32, "x" * 5000])
def test_rubbish_is_no_token(rubbish: str) -> None:
    assert signing.read(KEY, Purpose.TRACK, rubbish) is None


@pytest.mark.parametrize(
    "text",
    [
        "a@b@c",
        "a b@example.org",
        "x@example.org\r\nBcc: y@example.org",
        "@example.org",
        "a@",
        "a" * 65 + "@x.org",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(addresses.BadAddress):
        addresses.clean(text)


def test_a_secret_is_bound_to_its_owner_and_key() -> None:
    sealed = secrets.seal("key", "hunter2", owner="server:1")
    assert secrets.open_sealed("key", sealed, owner="server:1") == "hunter2"
    with pytest.raises(Misconfigured):
        secrets.open_sealed("key", sealed, owner="server:2")
    with pytest.raises(Misconfigured):
        secrets.open_sealed("other", sealed, owner="server:1")


def test_a_missing_secret_key_is_made_once_and_kept(tmp_path) -> None:
    first = from_env({"DATA_DIR": str(tmp_path)})
    assert from_env({"DATA_DIR": str(tmp_path)}).secret_key == first.secret_key
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "setting",
    [
        {"DATABASE_URL": "mysql://x"},
        {"PUBLIC_URL": "mail.example.org"},
        {"TRUSTED_PROXIES": "yes"},
        {"LEASE_SECONDS": "1"},
    ],
)
def test_an_impossible_setting_is_named(setting: dict[str, str], tmp_path) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        from_env({"DATA_DIR": str(tmp_path), **setting})


def test_signing_in_eights_can_be_switched_off(tmp_path) -> None:
    assert from_env({"DATA_DIR": str(tmp_path)}).rsa_in_eights
    assert not from_env({"DATA_DIR": str(tmp_path), "RSA_IN_EIGHTS": "0"}).rsa_in_eights
