"""The configuration, read from the environment once. Unusable values raise ConfigError."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, current_app

from campaigns.core import addresses, files, internal_hosts
from campaigns.core.errors import ConfigError
from campaigns.core.internal_hosts import EVERYTHING_PRIVATE, InternalHosts

# bytes; sun_path of unix(7) holds 108
LONGEST_SOCKET_PATH = 100
SHORTEST_SECRET = 32


@dataclass(frozen=True, slots=True)
class S3:
    """An S3-compatible bucket; `endpoint` is like https://s3.example.org."""

    endpoint: str
    bucket: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    region: str = "us-east-1"
    path_style: bool = True  # the bucket in the path; otherwise in the host name


@dataclass(frozen=True, slots=True)
class Config:
    """All settings from the environment."""

    data_dir: Path
    database_url: str
    redis_url: str
    secret_key: str = field(repr=False)
    public_url: str
    trusted_proxies: int = 0
    log_level: str = "INFO"
    practice_port: int = 2525
    dns_server: tuple[str, int] | None = None  # None: the machine's resolver
    limiter_url: str | None = None
    # Seconds without a sign of life after which a sender's recipients are given to another sender.
    lease_s: int = 60
    rsa_in_eights: bool = True  # if the CPU supports it (`mail.rsa_batch`)
    debug: bool = False
    other_hosts: frozenset[str] = frozenset()  # host names of this site besides that of `public_url`
    internal_hosts: InternalHosts = EVERYTHING_PRIVATE
    audit_days: int = 730  # how long audit entries are kept; 0: for ever
    inbound_days: int = 90  # how long the source of incoming messages is kept; 0: for ever
    # Where the intake listens for incoming messages: `lmtp` or `smtp`, address, port. None: it does not.
    intake: tuple[str, str, int] | None = None
    rule_commands: Path | None = None  # file with the commands that rules may run; None: they may run none
    media_s3: S3 | None = None  # where images are kept; None: in `data_dir`

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def public_host(self) -> str:
        """The host name in the public URL, without the port."""
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def hosts(self) -> frozenset[str]:
        """The host names that requests may have, as browsers write them."""
        return frozenset({_ascii(self.public_host), *self.other_hosts})

    @property
    def files_dir(self) -> Path:
        return self.data_dir / "files"

    @property
    def run_dir(self) -> Path:
        """The folder for sockets, pid files and ack journals of the processes on this machine."""
        return self.data_dir / "run"


def current() -> Config:
    """The current app's configuration. Needs an app context."""
    config: Config = current_app.extensions["columba"]
    return config


def context_opener() -> Callable[[], AbstractContextManager[object]]:
    """A function that opens a context of the current app in any thread, with its own database session."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app.app_context


def from_env(environ: Mapping[str, str] | None = None) -> Config:
    """The configuration from the environment (os.environ by default); raises ConfigError for an unusable value."""
    env = os.environ if environ is None else environ
    _refuse_debugger(env)
    data_dir = Path(env.get("DATA_DIR") or "data").expanduser().resolve()
    files.make_private(data_dir)
    return Config(
        data_dir=data_dir,
        database_url=_database_url(env.get("DATABASE_URL"), data_dir),
        redis_url=env.get("REDIS_URL") or private_redis_url(data_dir),
        secret_key=_given_secret(env.get("SECRET_KEY")) or _kept_secret(data_dir / "secret_key"),
        public_url=_public_url(env.get("PUBLIC_URL") or "http://127.0.0.1:8000"),
        trusted_proxies=_int(env, "TRUSTED_PROXIES", 0),
        log_level=env.get("LOG_LEVEL") or "INFO",
        practice_port=_int(env, "PRACTICE_PORT", 2525),
        dns_server=_dns_server(env.get("DNS_SERVER")),
        lease_s=_within(env, "LEASE_SECONDS", 60, least=8, most=600),
        rsa_in_eights=_bool(env, "RSA_IN_EIGHTS", default=True),
        debug=_bool(env, "DEBUG"),
        other_hosts=frozenset(map(_ascii, (env.get("OTHER_HOSTS") or "").replace(",", " ").split())),
        internal_hosts=_internal_hosts(env.get("INTERNAL_HOSTS")),
        audit_days=_int(env, "AUDIT_DAYS", 730),
        inbound_days=_int(env, "INBOUND_DAYS", 90),
        intake=_intake(env.get("INTAKE")),
        rule_commands=Path(env["RULE_COMMANDS"]) if env.get("RULE_COMMANDS") else None,
        media_s3=_media_s3(env),
    )


def private_redis_url(data_dir: Path) -> str:
    """The URL of the unix socket on which `up` starts a private Redis for this data folder."""
    path = data_dir / "run" / "redis.sock"
    if len(str(path)) > LONGEST_SOCKET_PATH:
        digest = hashlib.blake2b(str(data_dir).encode(), digest_size=8).hexdigest()
        path = Path(tempfile.gettempdir()) / f"columba-{os.getuid()}-{digest}" / "redis.sock"
    return f"unix://{path}"


def _database_url(url: str | None, data_dir: Path) -> str:
    if not url:
        return f"sqlite:///{data_dir / 'columba.db'}"
    # Hosting platforms use these two schemes; both mean the driver in our requirements.
    for short in ("postgres://", "postgresql://"):
        if url.startswith(short):
            return "postgresql+psycopg://" + url.removeprefix(short)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ConfigError("DATABASE_URL must begin with sqlite:/// or postgresql+psycopg://.")
    return url


def _public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("PUBLIC_URL must be the full address people use, like https://mail.example.org.")
    return url.rstrip("/")


def _media_s3(env: Mapping[str, str]) -> S3 | None:
    endpoint = (env.get("MEDIA_S3_ENDPOINT") or "").rstrip("/")
    if not endpoint:
        return None
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
        raise ConfigError("MEDIA_S3_ENDPOINT must be like https://s3.example.org.")
    for name in ("MEDIA_S3_BUCKET", "MEDIA_S3_KEY", "MEDIA_S3_SECRET"):
        if not env.get(name):
            raise ConfigError(f"{name} must be set when MEDIA_S3_ENDPOINT is.")
    return S3(
        endpoint=endpoint,
        bucket=env["MEDIA_S3_BUCKET"],
        key=env["MEDIA_S3_KEY"],
        secret=env["MEDIA_S3_SECRET"],
        region=env.get("MEDIA_S3_REGION") or "us-east-1",
        path_style=_bool(env, "MEDIA_S3_PATH_STYLE", default=True),
    )


def _dns_server(text: str | None) -> tuple[str, int] | None:
    if not text:
        return None
    parts = urlsplit(f"//{text}")
    try:
        return str(ipaddress.ip_address(parts.hostname or "")), parts.port or 53
    except ValueError as error:
        raise ConfigError(
            f"DNS_SERVER must be like 192.0.2.1:53 or [2001:db8::1]:53, not {text!r}."
        ) from error


def _intake(text: str | None) -> tuple[str, str, int] | None:
    if not text:
        return None
    parts = urlsplit(text)
    wrong = ConfigError(f"INTAKE must be like lmtp://127.0.0.1:2424 or smtp://127.0.0.1:2424, not {text!r}.")
    try:
        address, port = str(ipaddress.ip_address(parts.hostname or "")), parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in ("lmtp", "smtp") or not port:
        raise wrong
    return parts.scheme, address, port


def _refuse_debugger(env: Mapping[str, str]) -> None:
    """Raise ConfigError for debug mode: error pages would show code and secrets, and its debugger runs typed code."""
    if (env.get("FLASK_DEBUG") or "0").lower() not in ("0", "false", "no"):
        raise ConfigError("FLASK_DEBUG must not be set: error pages would show secrets to visitors.")


def _internal_hosts(text: str | None) -> InternalHosts:
    try:
        return internal_hosts.parse(text)
    except ValueError as error:
        raise ConfigError(
            "INTERNAL_HOSTS must list host names, addresses or networks, like: relay.internal 10.1.0.0/16."
        ) from error


def _ascii(host: str) -> str:
    try:
        return addresses.ascii_domain(host.lower()).rstrip(".")
    except UnicodeError:
        return host.lower()


def _given_secret(secret: str | None) -> str | None:
    if secret and len(secret) < SHORTEST_SECRET:
        raise ConfigError(
            f"SECRET_KEY must have at least {SHORTEST_SECRET} characters. Make one: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return secret


def _kept_secret(path: Path) -> str:
    """The secret key in the data folder, created at the first start, readable only by its owner."""
    if not path.exists():
        # O_EXCL: processes that start at the same time must use the same secret.
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _kept_secret(path)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
    secret = path.read_text().strip()
    if len(secret) < SHORTEST_SECRET:
        raise ConfigError(f"{path} holds no usable secret. Remove it, or set SECRET_KEY.")
    return secret


def _int(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name)
    if not text:
        return default
    if not text.isdigit():
        raise ConfigError(f"{name} must be a whole number, not {text!r}.")
    return int(text)


def _within(env: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    number = _int(env, name, default)
    if not least <= number <= most:
        raise ConfigError(f"{name} must be from {least} to {most}, not {number}.")
    return number


def _bool(env: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    text = (env.get(name) or str(default)).lower()
    if text not in ("0", "1", "true", "false"):
        raise ConfigError(f"{name} must be 1 or 0, not {text!r}.")
    return text in ("1", "true")
