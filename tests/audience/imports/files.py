"""Imports for tests: made of a text, checked, run and undone in this process."""

from __future__ import annotations

import io

from campaigns.audience.imports import queries, runner, services, setup, undo
from campaigns.audience.imports.models import Import
from campaigns.audience.models import List
from campaigns.core import clock
from campaigns.core.db import db
from campaigns.delivery import queries as delivery_queries


def make_import(content: str | bytes, into: List, *, file_name: str = "people.csv", **values) -> Import:
    """An import that is ready to run."""
    raw = content.encode() if isinstance(content, str) else content
    made = setup.create_import(io.BytesIO(raw), file_name=file_name, list_=into, now=clock.now(), **values)
    db.session.commit()
    return made


def after(import_id: int) -> Import:
    """The import as it is stored now."""
    db.session.expire_all()
    return queries.import_(import_id)


def imported(content: str | bytes, into: List, **values) -> Import:
    """The import after it has run."""
    made = make_import(content, into, **values)
    assert runner.run(made.id)
    return after(made.id)


def checked(content: str | bytes, into: List, **values) -> Import:
    """The import after its dry run."""
    return imported(content, into, is_dry_run=True, **values)


def undone(done: Import) -> Import:
    """The import after its undo."""
    services.ask_undo(done, now=clock.now())
    db.session.commit()
    assert undo.run(done.id, was_emailed=delivery_queries.emailed_since)
    return after(done.id)
