"""The intake's process, `python -m campaigns.intake`."""

from __future__ import annotations

from campaigns import process
from campaigns.core import config
from campaigns.core.db import db
from campaigns.core.errors import ConfigError
from campaigns.inbound.mailboxes import intake_server
from campaigns.settings import queries as settings_queries


def main() -> None:
    """Take messages that come back until a stop signal; exits with a sentence if that is not possible."""
    process.serve(_serve)


def _serve() -> None:
    place = config.current().intake
    if place is None:
        raise ConfigError("The intake is off. Set INTAKE, for example to lmtp://127.0.0.1:2424.")
    key = settings_queries.link_key()
    db.session.remove()
    try:
        intake_server.run(place, key=key, open_context=config.context_opener(), stop=process.stop_on_signal())
    except OSError as error:
        raise ConfigError(f"The intake can't listen on {place[1]}:{place[2]}: {error.strerror}.") from error


if __name__ == "__main__":
    main()
