"""Changes to brands. Emails keep a copy of the style they were begun with."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from campaigns.audit import services as audit_services
from campaigns.content.brands import queries
from campaigns.content.brands.models import Brand
from campaigns.content.documents import style as styles
from campaigns.content.documents.style import Style
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.core.i18n import _

LONGEST_NAME = 100
MOST_BRANDS = 100


def create_brand(name: str, style: Style, *, make_default: bool = False, now: datetime) -> Brand:
    """A new brand, the default one if it is the first; raises Invalid, or Conflict if the name exists."""
    others = queries.brands()
    if len(others) >= MOST_BRANDS:
        raise Conflict(_("There are %(most)d brands already. Delete one first.", most=MOST_BRANDS))
    brand = Brand(created_at=now, is_default=False)
    _set(brand, name, style, now=now)
    try:
        with db.session.begin_nested():
            db.session.add(brand)
    except IntegrityError as error:
        raise _exists(name) from error
    audit_services.record("brand.created", brand.name, now=now)
    if make_default or not others:
        set_default(brand, now=now)
    return brand


def update_brand(brand: Brand, name: str, style: Style, *, now: datetime) -> None:
    """Change a brand; emails that were begun with it stay as they are. Raises Invalid, Conflict."""
    _set(brand, name, style, now=now)
    db.session.flush()
    audit_services.record("brand.updated", brand.name, now=now)


def set_default(brand: Brand, *, now: datetime) -> None:
    """Make it the brand that new emails begin with."""
    if brand.is_default:
        return
    db.session.execute(sa.update(Brand).where(Brand.is_default).values(is_default=False))
    brand.is_default = True
    db.session.flush()
    audit_services.record("brand.made_default", brand.name, now=now)


def delete_brand(brand: Brand) -> None:
    """Delete a brand; emails keep their style. Without a default brand, new ones begin with the app's own."""
    audit_services.record("brand.deleted", brand.name)
    db.session.delete(brand)
    db.session.flush()


def _exists(name: str) -> Conflict:
    return Conflict(_("A brand named %(name)s already exists.", name=name))


def _set(brand: Brand, name: str, style: Style, *, now: datetime) -> None:
    cleaned = " ".join("".join(each if each.isprintable() else " " for each in name).split())
    if not cleaned or len(cleaned) > LONGEST_NAME:
        raise Invalid(_("Enter a name of at most %(number)d characters.", number=LONGEST_NAME), field="name")
    other = queries.brand_by_name(cleaned)
    if other is not None and other is not brand:
        raise _exists(cleaned)
    brand.name = cleaned
    brand.style_json = styles.to_json(style)
    brand.updated_at = now
