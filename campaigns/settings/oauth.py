"""OAuth 2 for servers and mailboxes: stored secrets, access tokens by the refresh grant (RFC 6749 section 6)."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from campaigns.core import config, guarded_http, secrets
from campaigns.core.db import db, reading
from campaigns.core.errors import Invalid, Misconfigured
from campaigns.core.i18n import _
from campaigns.core.internal_hosts import InternalHosts
from campaigns.mail.envelope import LOOPBACK
from campaigns.mail.errors import NoToken
from campaigns.settings import checks

LONGEST_SECRET = 8000
LONGEST_URL = 500
PATIENCE_S = 10.0
LARGEST_ANSWER = 64 * 1024
USUAL_LIFE_S = 300  # if the response does not say
LONGEST_LIFE_S = 86400
EARLY_S = 60  # a token is not used in its last minute
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_ERROR = re.compile(r"[a-z_]{1,40}")  # no token looks like that


class Account(Protocol):
    """A row that signs in somewhere: a sending server or a mailbox. The name of its table binds its secrets to it."""

    __tablename__: Any
    id: Any
    username: Any
    password_sealed: Any
    token_url: Any
    client_id: Any
    client_secret_sealed: Any
    refresh_token_sealed: Any
    token_scope: Any


@dataclass(frozen=True, slots=True)
class OAuth2:
    """How access tokens for an account are obtained. Without a token URL it uses a password.

    Empty secrets keep the stored ones.
    """

    token_url: str = ""
    client_id: str = ""
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    scope: str = ""


def as_stored(account: Account) -> OAuth2:
    """What is stored with the account, without its secrets."""
    return OAuth2(account.token_url or "", account.client_id or "", scope=account.token_scope or "")


def set_oauth(account: Account, oauth: OAuth2, *, is_elsewhere: bool = False) -> None:
    """Store it with the account (which has an id); raises Invalid at a field.

    Stored secrets are not kept when the token URL changes, or the account has another host (`is_elsewhere`).
    """
    if not oauth.token_url:
        account.token_url = account.client_id = account.token_scope = None
        account.client_secret_sealed = account.refresh_token_sealed = None
        return
    url = clean_url(oauth.token_url)
    if not account.username:
        raise Invalid(_("Enter the user name. OAuth 2 needs it too."), field="username")
    is_moved = is_elsewhere or bool(account.token_url and account.token_url != url)
    account.password_sealed = None
    account.token_url, account.client_id = (
        url,
        checks.one_line(oauth.client_id, longest=500, field="client_id"),
    )
    account.token_scope = checks.one_line(oauth.scope, longest=500, field="scope") if oauth.scope else None
    account.client_secret_sealed = _sealed(
        account, "client_secret", oauth.client_secret, account.client_secret_sealed, is_moved
    )
    account.refresh_token_sealed = _sealed(
        account, "refresh_token", oauth.refresh_token, account.refresh_token_sealed, is_moved
    )
    if account.refresh_token_sealed is None:
        raise Invalid(_("Enter the refresh token from your provider."), field="refresh_token")
    db.session.flush()


def clean_url(url: str) -> str:
    """The token URL; raises Invalid if secrets would be sent unencrypted."""
    url = url.strip()
    wrong = Invalid(
        _("Enter an address that begins with https://, like https://login.example.com/token."),
        field="token_url",
    )
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise wrong from error
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    if not is_safe or not host or "@" in parts.netloc or parts.fragment:
        raise wrong
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url):
        raise wrong
    checks.require_reachable(host, _internal_hosts(), field="token_url")
    return url


def opened(account: Account, name: str) -> str | None:
    """The stored `client_secret` or `refresh_token`; raises Misconfigured when SECRET_KEY has changed."""
    sealed: bytes | None = getattr(account, f"{name}_sealed")
    if not sealed:
        return None
    return secrets.open_sealed(config.current().secret_key, bytes(sealed), owner=_owner(account, name))


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """Gives an account's access token to any thread, as `mail.envelope.Server.token` requires.

    Cached until shortly before it expires, shared by all lanes of the process, renewed when it was refused.
    """

    kind: type[Account]
    account_id: int
    token_url: str
    client_id: str
    username: str
    open_context: Callable[[], AbstractContextManager[object]] = field(repr=False)

    def __call__(self, refused: str | None) -> str:
        kept = _keep(self)
        with kept.lock:  # the other lanes wait for this response
            if kept.token and kept.token != refused and time.monotonic() < kept.until:
                return kept.token
            kept.token = None
            with self.open_context():
                token, life_s = _renew(self.kind, self.account_id)
            kept.token, kept.until = token, time.monotonic() + life_s - min(EARLY_S, life_s / 2)
            return token


def tokens_of(account: Account) -> AccessTokens:
    """The token source of that account; raises Misconfigured when its secrets cannot be unsealed."""
    opened(account, "client_secret")
    opened(account, "refresh_token")
    return AccessTokens(
        type(account),
        account.id,
        account.token_url or "",
        account.client_id or "",
        account.username or "",
        config.context_opener(),
    )


@dataclass(slots=True)
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str | None = None
    until: float = 0.0


_all_kept: dict[AccessTokens, _Kept] = {}
_all_kept_lock = threading.Lock()


def _keep(tokens: AccessTokens) -> _Kept:
    with _all_kept_lock:
        return _all_kept.setdefault(tokens, _Kept())


def _renew(kind: type[Account], account_id: int) -> tuple[str, float]:
    """A new access token and its life in seconds; stores a rotated refresh token. Commits in a session of its
    own, so that a rotated token is not lost when other work is rolled back.
    """
    try:
        with reading():
            sealed, asked = _question(kind, account_id)
        try:
            answer = _ask(*asked)
        except NoToken:
            # Another process may have received a new refresh token meanwhile.
            with reading():
                newer, asked = _question(kind, account_id)
            if newer == sealed:
                raise
            sealed, answer = newer, _ask(*asked)
        _store(kind, account_id, sealed, answer.get("refresh_token"))
    except SQLAlchemyError as error:
        raise OSError("the database could not be asked for the refresh token") from error
    return _token(answer), _life(answer)


def _question(kind: type[Account], account_id: int) -> tuple[bytes, tuple[str, dict[str, str]]]:
    account = db.session.get(kind, account_id, populate_existing=True)
    if account is None or not account.token_url or not account.refresh_token_sealed:
        raise NoToken("the account does not sign in by OAuth 2 any more")
    try:
        values = {
            "grant_type": "refresh_token",
            "client_id": account.client_id,
            "client_secret": opened(account, "client_secret"),
            "refresh_token": opened(account, "refresh_token"),
            "scope": account.token_scope,
        }
    except Misconfigured as error:
        raise NoToken("the stored refresh token can't be read: SECRET_KEY has changed") from error
    found = bytes(account.refresh_token_sealed), account.token_url
    db.session.rollback()  # no transaction stays open while a server takes its time
    return found[0], (found[1], {name: value for name, value in values.items() if value})


def _store(kind: type[Account], account_id: int, old: bytes, refresh_token: Any) -> None:
    """Store the rotated refresh token, unless another one was entered meanwhile."""
    if not isinstance(refresh_token, str) or not _is_secret(refresh_token):
        return
    owner = f"{kind.__tablename__}:{account_id}:refresh_token"
    key = config.current().secret_key
    if secrets.open_sealed(key, old, owner=owner) == refresh_token:
        return
    fresh = secrets.seal(key, refresh_token, owner=owner)
    db.session.execute(
        sa.update(kind)
        .where(kind.id == account_id, kind.refresh_token_sealed == old)
        .values(refresh_token_sealed=fresh)
    )
    db.session.commit()


def _ask(url: str, values: dict[str, str]) -> dict[str, Any]:
    """The token server's response; raises NoToken when it refuses, OSError when it is unavailable."""
    status, body = guarded_http.ask(
        url,
        _internal_hosts(),
        patience_s=PATIENCE_S,
        largest=LARGEST_ANSWER,
        body=urlencode(values).encode(),
        headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
        who="the token server",
    )
    return _read(status, body)


def _internal_hosts() -> InternalHosts:
    """Token providers are on the internet; an internal one has to be listed."""
    return config.current().internal_hosts.without_others()


def _read(status: int, body: bytes) -> dict[str, Any]:
    if status >= 500 or status == 429:
        raise OSError(f"the token server answered {status}")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        found = {}
    if status == 200:
        return found  # a page of something in between is no refusal
    said = found.get("error")
    code = said if isinstance(said, str) and _ERROR.fullmatch(said) else f"status {status}"
    raise NoToken(f"no access token: its server refused ({code}). Enter the client and refresh token again")


def _token(answer: dict[str, Any]) -> str:
    token = answer.get("access_token")
    if not isinstance(token, str) or not _PRINTABLE.fullmatch(token):
        raise NoToken("no access token: its server gave an answer without one")
    return token


def _life(answer: dict[str, Any]) -> float:
    try:
        life_s = float(answer.get("expires_in", USUAL_LIFE_S))
    except (TypeError, ValueError, OverflowError):
        return USUAL_LIFE_S
    return USUAL_LIFE_S if math.isnan(life_s) else min(max(life_s, 0), LONGEST_LIFE_S)


def _sealed(
    account: Account, name: str, typed: str | None, old: bytes | None, is_moved: bool
) -> bytes | None:
    """The sealed secret to store: the typed one, else the old one if it is still for the same place."""
    typed = (typed or "").strip()
    if typed:
        if not _is_secret(typed):
            raise Invalid(_("This value is too long or contains a space or line break."), field=name)
        return secrets.seal(config.current().secret_key, typed, owner=_owner(account, name))
    if old and is_moved:
        raise Invalid(
            _("Enter it again because the host, port, security or token URL has changed."),
            field=name,
        )
    return old


def _is_secret(text: str) -> bool:
    return len(text) <= LONGEST_SECRET and _PRINTABLE.fullmatch(text) is not None


def _owner(account: Account, name: str) -> str:
    return f"{account.__tablename__}:{account.id}:{name}"
