"""OAuth 2 for sending servers: stored secrets, access tokens by the refresh grant (RFC 6749 section 6)."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from campaigns.core import config, secrets
from campaigns.core.db import db, reading
from campaigns.core.errors import Invalid, Misconfigured
from campaigns.core.i18n import _
from campaigns.core.internal_hosts import InternalHosts
from campaigns.mail.envelope import LOOPBACK
from campaigns.mail.errors import NoToken
from campaigns.settings import checks
from campaigns.settings.models import Server

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool

LONGEST_SECRET = 8000
LONGEST_URL = 500
PATIENCE_S = 10.0
LARGEST_ANSWER = 64 * 1024
USUAL_LIFE_S = 300  # if the response does not say
EARLY_S = 60  # a token is not used in its last minute
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_ERROR = re.compile(r"[a-z0-9_.-]{1,60}")


@dataclass(frozen=True, slots=True)
class OAuth2:
    """How access tokens for a server are obtained. Without a token URL the server uses a password.

    Empty secrets keep the stored ones.
    """

    token_url: str = ""
    client_id: str = ""
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    scope: str = ""


def set_oauth(server: Server, oauth: OAuth2, *, is_elsewhere: bool = False) -> None:
    """Store it with the server (which has an id); raises Invalid at a field.

    Stored secrets are not kept when the token URL changes, or the server has another host (`is_elsewhere`).
    """
    if not oauth.token_url:
        server.token_url = server.client_id = server.token_scope = None
        server.client_secret_sealed = server.refresh_token_sealed = None
        return
    url = clean_url(oauth.token_url)
    if not server.username:
        raise Invalid(_("Enter the user name. OAuth 2 needs it too."), field="username")
    is_moved = is_elsewhere or bool(server.token_url and server.token_url != url)
    server.password_sealed = None
    server.token_url, server.client_id = url, checks.one_line(oauth.client_id, longest=500, field="client_id")
    server.token_scope = checks.one_line(oauth.scope, longest=500, field="scope") if oauth.scope else None
    server.client_secret_sealed = _sealed(
        server, "client_secret", oauth.client_secret, server.client_secret_sealed, is_moved
    )
    server.refresh_token_sealed = _sealed(
        server, "refresh_token", oauth.refresh_token, server.refresh_token_sealed, is_moved
    )
    if server.refresh_token_sealed is None:
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


def opened(server: Server, name: str) -> str | None:
    """The stored `client_secret` or `refresh_token`; raises Misconfigured when SECRET_KEY has changed."""
    sealed: bytes | None = getattr(server, f"{name}_sealed")
    if not sealed:
        return None
    return secrets.open_sealed(config.current().secret_key, bytes(sealed), owner=_owner(server, name))


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """Gives a server's access token to any thread, as `mail.envelope.Server.token` requires.

    Cached until shortly before it expires, shared by all lanes of the process, renewed when it was refused.
    """

    server_id: int
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
                token, life_s = _renew(self.server_id)
            kept.token, kept.until = token, time.monotonic() + life_s - min(EARLY_S, life_s / 2)
            return token


def tokens_of(server: Server) -> AccessTokens:
    """The token source of that server; raises Misconfigured when its secrets cannot be unsealed."""
    opened(server, "client_secret")
    opened(server, "refresh_token")
    return AccessTokens(
        server.id,
        server.token_url or "",
        server.client_id or "",
        server.username or "",
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


def _renew(server_id: int) -> tuple[str, float]:
    """A new access token and its life in seconds; stores a rotated refresh token. Commits in a session of its
    own, so that a rotated token is not lost when other work is rolled back.
    """
    try:
        with reading():
            sealed, asked = _question(server_id)
        try:
            answer = _ask(*asked)
        except NoToken:
            # Another process may have received a new refresh token meanwhile.
            with reading():
                newer, asked = _question(server_id)
            if newer == sealed:
                raise
            sealed, answer = newer, _ask(*asked)
        _store(server_id, sealed, answer.get("refresh_token"))
    except SQLAlchemyError as error:
        raise OSError("the database could not be asked for the refresh token") from error
    return _token(answer), _life(answer)


def _question(server_id: int) -> tuple[bytes, tuple[str, dict[str, str]]]:
    server = db.session.get(Server, server_id, populate_existing=True)
    if server is None or not server.token_url or not server.refresh_token_sealed:
        raise NoToken("the server does not sign in by OAuth 2 any more")
    try:
        values = {
            "grant_type": "refresh_token",
            "client_id": server.client_id,
            "client_secret": opened(server, "client_secret"),
            "refresh_token": opened(server, "refresh_token"),
            "scope": server.token_scope,
        }
    except Misconfigured as error:
        raise NoToken("the stored refresh token can't be read: SECRET_KEY has changed") from error
    found = bytes(server.refresh_token_sealed), server.token_url
    db.session.rollback()  # no transaction stays open while a server takes its time
    return found[0], (found[1], {name: value for name, value in values.items() if value})


def _store(server_id: int, old: bytes, refresh_token: Any) -> None:
    """Store the rotated refresh token, unless another one was entered meanwhile."""
    if not isinstance(refresh_token, str) or not _is_secret(refresh_token):
        return
    owner = f"server:{server_id}:refresh_token"
    key = config.current().secret_key
    if secrets.open_sealed(key, old, owner=owner) == refresh_token:
        return
    fresh = secrets.seal(key, refresh_token, owner=owner)
    db.session.execute(
        sa.update(Server)
        .where(Server.id == server_id, Server.refresh_token_sealed == old)
        .values(refresh_token_sealed=fresh)
    )
    db.session.commit()


def _ask(url: str, values: dict[str, str]) -> dict[str, Any]:
    """The token server's response; raises NoToken when it refuses, OSError when it is unavailable."""
    import urllib3  # imported only when needed, to keep workers small

    deadline = time.monotonic() + PATIENCE_S
    parts = urlsplit(url)
    pool = _pool(parts)
    try:
        with pool.request(
            "POST",
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            fields=values,
            encode_multipart=False,
            headers={"Accept": "application/json", "Host": parts.netloc},
            redirect=False,
            preload_content=False,
        ) as answer:
            body = b""
            while piece := answer.read1(8192, decode_content=False):
                body += piece
                if len(body) > LARGEST_ANSWER or time.monotonic() > deadline:
                    raise OSError("the token server's answer was too long or too slow")
            status = answer.status
    except urllib3.exceptions.HTTPError as error:
        raise OSError("the token server could not be reached") from error
    finally:
        pool.close()
    return _read(status, body)


def _pool(parts: SplitResult) -> HTTPConnectionPool:
    """Connections to the address that was checked: resolved again, the name might lead elsewhere."""
    import urllib3

    host = parts.hostname or ""
    address = _address_of(host, parts.port or (443 if parts.scheme == "https" else 80))
    options: dict[str, Any] = {"timeout": urllib3.Timeout(total=PATIENCE_S), "retries": False}
    if parts.scheme == "https":
        options |= {"server_hostname": host, "assert_hostname": host}
        return urllib3.HTTPSConnectionPool(address, parts.port, **options)
    return urllib3.HTTPConnectionPool(address, parts.port, **options)


def _address_of(host: str, port: int) -> str:
    """The first of the host's addresses that we may connect to; raises OSError."""
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    allowed = [each for each in found if _internal_hosts().may_reach(host, each)]
    if not allowed:
        raise OSError("the token server's address is internal and not in INTERNAL_HOSTS")
    return allowed[0]


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
    if status == 200 and found:
        return found
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
        return min(max(float(answer.get("expires_in", USUAL_LIFE_S)), 0), 86400)
    except (TypeError, ValueError):
        return USUAL_LIFE_S


def _sealed(server: Server, name: str, typed: str | None, old: bytes | None, is_moved: bool) -> bytes | None:
    """The sealed secret to store: the typed one, else the old one if it is still for the same place."""
    typed = (typed or "").strip()
    if typed:
        if not _is_secret(typed):
            raise Invalid(_("This value is too long or contains a space or line break."), field=name)
        return secrets.seal(config.current().secret_key, typed, owner=_owner(server, name))
    if old and is_moved:
        raise Invalid(
            _("Enter it again because the host, port, security or token URL has changed."),
            field=name,
        )
    return old


def _is_secret(text: str) -> bool:
    return len(text) <= LONGEST_SECRET and _PRINTABLE.fullmatch(text) is not None


def _owner(server: Server, name: str) -> str:
    return f"server:{server.id}:{name}"
