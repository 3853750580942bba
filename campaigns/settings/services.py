"""Changes to sending servers."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from campaigns.audit import services as audit_services
from campaigns.core import config
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid, Misconfigured
from campaigns.core.i18n import _
from campaigns.mail.envelope import MESSAGES_PER_CONNECTION
from campaigns.mail.envelope import Server as Connection
from campaigns.mail.security import Security
from campaigns.practice import store as practice
from campaigns.settings import checks, oauth, queries, trust
from campaigns.settings.limits import ServerLimits, set_limits
from campaigns.settings.models import Server
from campaigns.settings.oauth import OAuth2
from campaigns.settings.sharing import ServerPart, set_part

MOST_CONNECTIONS = 100
PRACTICE_CONNECTIONS = 4


def create_server(
    name: str,
    *,
    host: str,
    port: int,
    security: Security,
    username: str | None = None,
    password: str | None = None,
    connections: int = 5,
    verify_certificate: bool = True,
    authorities: str | None = None,
    limits: ServerLimits | None = None,
    part: ServerPart | None = None,
    signs_in: OAuth2 | None = None,
    make_default: bool | None = None,
    now: datetime,
) -> Server:
    """A new server; raises Invalid at a field, Conflict if the name exists.

    It becomes the default if there was none but the test inbox.
    """
    server = Server(created_at=now)
    _set(server, name, host, port, security, username, connections)
    trust.set_trust(server, verify_certificate, authorities)
    set_limits(server, limits or ServerLimits())
    set_part(server, part or ServerPart())
    others = queries.servers()
    if make_default is None:
        make_default = all(other.is_practice for other in others)
    _add(server)
    if password:
        trust.seal_password(server, password)
    if signs_in is not None:
        oauth.set_oauth(server, signs_in)
    if make_default:
        _make_only_default(server)
    audit_services.record("server.created", server.name, host=server.host, now=now)
    return server


def update_server(
    server: Server,
    *,
    name: str,
    host: str,
    port: int,
    security: Security,
    username: str | None = None,
    password: str | None = None,
    forget_password: bool = False,
    connections: int = 5,
    verify_certificate: bool = True,
    authorities: str | None = None,
    limits: ServerLimits | None = None,
    part: ServerPart | None = None,
    signs_in: OAuth2 | None = None,
) -> Server:
    """Change a server; an empty password, and `limits`, `part` or `signs_in` of None, keep the stored ones.

    Raises Invalid, Conflict. A stored secret is never sent to another host or port, or over a weaker
    protection, than it was entered for.
    """
    _refuse_practice(server)
    before = trust.place_of(server)
    _set(server, name, host, port, security, username, connections)
    trust.set_trust(server, verify_certificate, authorities)
    if limits is not None:
        set_limits(server, limits)
    if part is not None:
        set_part(server, part)
    _require_free_name(server)
    is_elsewhere = before != trust.place_of(server)
    if signs_in is not None or server.signs_in_by_token:
        oauth.set_oauth(server, signs_in or oauth.as_stored(server), is_elsewhere=is_elsewhere)
    if not server.signs_in_by_token:
        _set_password(server, password, forgets=forget_password, is_elsewhere=is_elsewhere)
    # What was learned about the server may not apply any more.
    server.failures, server.closed_until, server.down_since = 0, None, None
    server.eased, server.eased_to, server.traits = 0, None, {}
    server.last_ok_at = server.last_error_at = server.last_error = None
    db.session.flush()
    audit_services.record("server.updated", server.name, host=server.host)
    return server


def delete_server(server: Server) -> None:
    """Delete a server; campaigns that named it use the default from now on. Raises Conflict."""
    _refuse_practice(server)
    audit_services.record("server.deleted", server.name)
    was_default = server.is_default
    db.session.delete(server)
    db.session.flush()
    if was_default and (rest := queries.servers()):
        _make_only_default(min(rest, key=lambda each: (each.is_practice, each.id)))


def make_default(server: Server) -> None:
    """Make this the server for campaigns that name no other."""
    audit_services.record("server.made_default", server.name)
    _make_only_default(server)


def ensure_practice_server(port: int, *, now: datetime) -> Server:
    """The test inbox as a server on that port; the default while it is the only one."""
    server = db.session.scalar(sa.select(Server).filter_by(is_practice=True))
    if server is None:
        server = Server(
            name=_free_name("Test inbox"),
            host="127.0.0.1",
            port=port,
            security=Security.NONE,
            is_practice=True,
            is_default=not queries.servers(),
            connections=PRACTICE_CONNECTIONS,
            created_at=now,
        )
        db.session.add(server)
    server.port = port
    db.session.flush()
    return server


def connection(server: Server) -> Connection:
    """The settings for the SMTP client; raises Misconfigured when a stored secret cannot be unsealed."""
    running = config.current()
    tokens = oauth.tokens_of(server) if server.signs_in_by_token else None
    return Connection(
        host=server.host,
        port=server.port,
        security=server.security,
        username=server.username,
        password=trust.password_of(server),
        token=tokens,
        verify=server.verify_certificate,
        authorities=server.authorities,
        helo=running.public_host,
        internal_hosts=running.internal_hosts,
        connections=server.connections,
        messages_per_connection=server.per_connection or MESSAGES_PER_CONNECTION,
    )


def check_secret() -> None:
    """Raises Misconfigured when there are stored passwords and none can be unsealed: a worker on a host with
    another SECRET_KEY would stop every campaign that it touches.
    """
    failure = None
    for server in queries.servers():
        if server.password_sealed or server.refresh_token_sealed:
            try:
                connection(server)
            except Misconfigured as error:
                failure = error
            else:
                return
    if failure is not None:
        raise Misconfigured(
            _(
                "Saved passwords can't be read because this SECRET_KEY differs from the one they were "
                "saved with. Set the same SECRET_KEY on all hosts."
            )
        ) from failure


def record_probe(server: Server, *, error: str | None, now: datetime) -> None:
    """Record the result of a test; a successful one also reopens a closed server."""
    if error is None:
        server.last_ok_at, server.failures, server.closed_until = now, 0, None
        server.down_since = None
        return
    server.last_error_at, server.last_error = now, error[:500]


def _set(
    server: Server,
    name: str,
    host: str,
    port: int,
    security: Security,
    username: str | None,
    connections: int,
) -> None:
    server.name = checks.one_line(name, longest=100, field="name")
    server.host = checks.clean_host(host)
    checks.require_reachable(server.host, config.current().internal_hosts, field="host")
    if not 1 <= connections <= MOST_CONNECTIONS:
        raise Invalid(_("Use 1 to %(most)s connections.", most=MOST_CONNECTIONS), field="connections")
    server.port, server.security, server.connections = checks.port(port), Security(security), connections
    server.username = checks.one_line(username, longest=320, field="username") if username else None
    if server.username:
        trust.require_encryption(server)


def _add(server: Server) -> None:
    try:
        with db.session.begin_nested():
            db.session.add(server)
    except IntegrityError as error:
        raise Conflict(_("A server named %(name)s already exists.", name=server.name)) from error


def _require_free_name(server: Server) -> None:
    with db.session.no_autoflush:
        taken = db.session.scalar(
            sa.select(Server.id).where(Server.name == server.name, Server.id != server.id)
        )
    if taken:
        raise Conflict(_("A server named %(name)s already exists.", name=server.name))


def _free_name(name: str) -> str:
    taken = {server.name for server in queries.servers()}
    return next(
        each for each in (name, *(f"{name} {number}" for number in range(2, 1000))) if each not in taken
    )


def _set_password(server: Server, password: str | None, *, forgets: bool, is_elsewhere: bool) -> None:
    if forgets:
        server.password_sealed = None
    elif password:
        trust.seal_password(server, password)
    elif server.password_sealed and is_elsewhere:
        raise Invalid(
            _("Enter the password again because the host, port or security has changed."),
            field="password",
        )


def _make_only_default(server: Server) -> None:
    if not server.is_practice:
        practice.forget_own(config.current())  # from now on notices are really sent
    db.session.execute(sa.update(Server).values(is_default=Server.id == server.id))
    db.session.expire_all()


def _refuse_practice(server: Server) -> None:
    if server.is_practice:
        raise Conflict(_("The test inbox server can't be changed. Add your own server."))
