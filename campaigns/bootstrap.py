"""The base of every process: configuration, database, languages, queue. No pages, no commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from flask import Flask
from sqlalchemy import ForeignKey

from campaigns.audience.segments import outside
from campaigns.core import config as configuration
from campaigns.core import files, inboxes, logs
from campaigns.core.config import Config
from campaigns.core.db import db, engine_options, prepare_engine
from campaigns.core.i18n import DEFAULT_LANGUAGE, LANGUAGES, babel, language_of

ROOT = Path(__file__).resolve().parent.parent

# Packages with tables: imported so that migrations and relationships know all of them.
MODELS = (
    "campaigns.notices.models",
    "campaigns.audit.models",
    "campaigns.accounts.models",
    "campaigns.accounts.factor.models",
    "campaigns.settings.models",
    "campaigns.settings.domains.models",
    "campaigns.audience.models",
    "campaigns.audience.imports.models",
    "campaigns.audience.listing.models",
    "campaigns.audience.tags.models",
    "campaigns.audience.exporting.models",
    "campaigns.audience.segments.models",
    "campaigns.audience.finding.models",
    "campaigns.audience.bulk.models",
    "campaigns.audience.person.models",
    "campaigns.content.blocks.models",
    "campaigns.content.brands.models",
    "campaigns.content.media.models",
    "campaigns.content.templates.models",
    "campaigns.planning.models",
    "campaigns.planning.attachments.models",
    "campaigns.planning.languages.models",
    "campaigns.planning.sharing.models",
    "campaigns.planning.by_mail.models",
    "campaigns.planning.versions.models",
    "campaigns.delivery.models",
    "campaigns.delivery.autopause.models",
    "campaigns.tracking.models",
    "campaigns.inbound.models",
    "campaigns.inbound.rules.models",
    "campaigns.inbound.loopback.models",
    "campaigns.inbound.timed.models",
    "campaigns.inbound.hooks.models",
    "campaigns.inbound.hooks.alerts.models",
)


# Modules whose tables refer to others' tables: who has the first needs the second.
_PAIRS = {
    "campaigns.accounts.models": "campaigns.accounts.factor.models",
    "campaigns.audience.models": "campaigns.audience.imports.models",
    "campaigns.planning.models": "campaigns.content.templates.models",
}


def lay(config: Config | None = None, *, models: Iterable[str] = MODELS) -> Flask:
    """An app with its tables, Redis and translations; raises ConfigError for an invalid configuration. The
    caller attaches the choice of language (`babel.init_app`).
    """
    if config is None:  # the start of a process of the app
        files.write_for_oneself()
        config = configuration.from_env()
    app = Flask("campaigns", root_path=str(ROOT), static_folder="static", template_folder="templates")
    app.config.from_mapping(
        SECRET_KEY=config.secret_key,
        SQLALCHEMY_DATABASE_URI=config.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(config.database_url),
        BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "campaigns" / "translations"),
        BABEL_DEFAULT_TIMEZONE="UTC",
        LANGUAGES=list(LANGUAGES),
    )
    app.extensions["columba"] = config
    inboxes.attach(app, _is_mail_read)
    logs.attach()
    app.logger.setLevel(config.log_level.upper())
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
    outside.attach("campaigns.delivery.engagement")
    for name in models:
        import_module(name)
    return app


def _is_mail_read() -> bool:
    from campaigns.inbound import queries  # imported only when needed, to keep workers small

    return queries.is_any_read()


def without_pages(config: Config | None = None, *, models: Iterable[str] = MODELS) -> Flask:
    """The app of a process without pages, such as a worker; raises ConfigError.

    Pages, forms and migrations would take a quarter of its memory.
    """
    app = lay(config, models=models)
    babel.init_app(app, locale_selector=terminal_language)
    return app


def load_what_tables_refer_to() -> None:
    """For a process that has loaded only some tables: those too that they refer to, without which no row is written."""
    for first, second in _PAIRS.items():
        if first in sys.modules:
            import_module(second)
    if any(
        _table_of(key) not in db.metadata.tables
        for each in db.metadata.tables.values()
        for key in each.foreign_keys
    ):
        for name in MODELS:
            import_module(name)


def _table_of(key: ForeignKey) -> str:
    return key.target_fullname.rpartition(".")[0]


def terminal_language() -> str:
    """The language of the terminal or service that started this process."""
    return language_of(os.environ.get("LC_ALL") or os.environ.get("LANG")) or DEFAULT_LANGUAGE
