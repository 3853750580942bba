"""Lists get labels, and are archived."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.listing.models import ListLabel
from campaigns.audience.models import List
from campaigns.audit import services as audit_services
from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LONGEST_LABEL = 64
MOST_LABELS = 20


def read_labels(text: str) -> list[str]:
    """Labels separated by commas, each once; raises Invalid(field="labels")."""
    words = (" ".join(each.split()) for each in text.replace("\0", "").replace("，", ",").split(","))
    first: dict[str, str] = {}
    for each in filter(None, words):
        first.setdefault(each.casefold(), each)
    names = list(first.values())
    if len(names) > MOST_LABELS:
        raise Invalid(_("A list has at most 20 labels."), field="labels")
    if any(len(each) > LONGEST_LABEL for each in names):
        raise Invalid(_("A label has at most 64 characters."), field="labels")
    return names


def set_labels(labelled: List, text: str) -> None:
    """Give a list these labels and no others; of one that exists in another spelling, that spelling."""
    names = read_labels(text)
    known = {each.casefold(): each for each in db.session.scalars(sa.select(ListLabel.name).distinct())}
    db.session.execute(sa.delete(ListLabel).where(ListLabel.list_id == labelled.id))
    spelled = {known.get(each.casefold(), each) for each in names}
    db.session.add_all(ListLabel(list_id=labelled.id, name=each) for each in sorted(spelled))
    db.session.flush()


def archive(list_: List, *, now: datetime) -> None:
    """Offer a list no longer for campaigns, imports and sign-ups; its people and reports stay."""
    list_.archived_at = now
    db.session.flush()
    audit_services.record("list.archived", list_.name, now=now)


def restore(list_: List, *, now: datetime) -> None:
    """Offer an archived list again."""
    list_.archived_at = None
    db.session.flush()
    audit_services.record("list.restored", list_.name, now=now)
