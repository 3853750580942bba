"""Named reads of templates."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import defer

from campaigns.content.templates.models import Template, TemplateVersion
from campaigns.core.db import LARGEST_ID, db
from campaigns.core.errors import NotFound
from campaigns.core.i18n import _
from campaigns.core.paging import Page, paginate

_LIKE = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})


def template(template_id: int) -> Template:
    """That template; raises NotFound."""
    found = db.session.get(Template, template_id) if 0 < template_id <= LARGEST_ID else None
    if found is None:
        raise NotFound(_("Template not found. It may have been deleted."))
    return found


def templates(*, search: str = "", page: int = 1) -> Page[Template]:
    """Templates without their content that have the words in name or content; last changed first."""
    return paginate(_newest_first(_matching(search)), number=page)


def latest(*, most: int) -> list[Template]:
    """The templates that were changed last, without their content."""
    return list(db.session.scalars(_newest_first(sa.select(Template)).limit(most)))


def by_ids(ids: list[int]) -> list[Template]:
    """Those of the templates that still exist, without their content."""
    known = [each for each in ids if 0 < each <= LARGEST_ID]
    return list(db.session.scalars(_newest_first(sa.select(Template).where(Template.id.in_(known)))))


def versions(template_id: int, *, page: int = 1) -> Page[TemplateVersion]:
    """A template's versions without their content, newest first."""
    statement = sa.select(TemplateVersion).filter_by(template_id=template_id)
    heavy = (defer(TemplateVersion.written), defer(TemplateVersion.html), defer(TemplateVersion.text))
    return paginate(statement.order_by(TemplateVersion.number.desc()).options(*heavy), number=page)


def version(template_id: int, number: int) -> TemplateVersion:
    """That version of a template; raises NotFound."""
    found = db.session.get(TemplateVersion, (template_id, number)) if 0 < number <= LARGEST_ID else None
    if found is None:
        raise NotFound(_("Version not found."))
    return found


def _newest_first(statement: sa.Select[Any]) -> sa.Select[Any]:
    heavy = (defer(Template.written), defer(Template.html), defer(Template.text))
    return statement.order_by(Template.updated_at.desc(), Template.id.desc()).options(*heavy)


def _matching(search: str) -> sa.Select[Any]:
    statement = sa.select(Template)
    for word in search.split()[:8]:
        pattern = f"%{word.translate(_LIKE)}%"
        columns = (Template.name, Template.subject, Template.html, Template.text)
        statement = statement.where(sa.or_(*(column.ilike(pattern, escape="\\") for column in columns)))
    return statement
