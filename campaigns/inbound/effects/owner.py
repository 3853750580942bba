"""Whose message it is: the deliveries that tokens of ours in it name. Nothing else is believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from campaigns.core import addresses, mail_addresses
from campaigns.core.db import db
from campaigns.core.signing import Purpose
from campaigns.delivery.models import Delivery

OF_A_MAIL = (Purpose.BOUNCE, Purpose.MESSAGE)
MOST_WAYS = 200


@dataclass(frozen=True, slots=True)
class Tokens:
    """Numbers in the tokens of a message, by what they are for, in the order in which they stand there."""

    by_purpose: dict[Purpose, list[int]] = field(default_factory=dict)

    def __getitem__(self, purpose: Purpose) -> list[int]:
        return self.by_purpose.get(purpose, [])

    @property
    def mails(self) -> list[int]:
        """Ids of the deliveries whose envelope or message is named, each once."""
        return list(dict.fromkeys(number for purpose in OF_A_MAIL for number in self[purpose]))

    @property
    def is_signed(self) -> bool:
        return bool(self.by_purpose)


def tokens_in(ways: Iterable[str], key: bytes) -> Tokens:
    """The tokens of ours among the addresses and ids that a message contains."""
    found: dict[Purpose, list[int]] = {}
    for _number, text in zip(range(MOST_WAYS), dict.fromkeys(ways), strict=False):
        way = mail_addresses.way_of(key, text)
        if way is not None and way[1] not in found.setdefault(way[0], []):
            found[way[0]].append(way[1])
    return Tokens({purpose: numbers for purpose, numbers in found.items() if numbers})


@dataclass(frozen=True, slots=True)
class Mail:
    """A delivery, and the normalised address that it went to; None once the person was erased or has changed it."""

    delivery: Delivery
    address: str | None


def lock(delivery_ids: Iterable[int]) -> dict[int, Mail]:
    """These deliveries by id, as far as they are still there; their rows are locked, in one order."""
    deliveries = db.session.scalars(
        sa.select(Delivery)
        .where(Delivery.id.in_(sorted(set(delivery_ids))))
        .order_by(Delivery.id)
        .options(sa.orm.joinedload(Delivery.subscriber))
        .with_for_update(of=Delivery)
        .execution_options(populate_existing=True)
    )
    return {each.id: Mail(each, _address(each)) for each in deliveries}


def _address(delivery: Delivery) -> str | None:
    person = delivery.subscriber
    return person.address if person is not None and person.address_key == delivery.address_key else None


def mail_to(address: str, mails: list[Mail], *, is_only: bool) -> Mail | None:
    """The mail that a finding about this address is about.

    Each of our mails has one recipient. So with one mail, whatever single address is reported is this recipient
    in other words (an alias, a forward); of several addresses it is the one that the mail went to.
    """
    try:
        wanted = addresses.normalise(address)
    except ValueError:
        wanted = ""
    for mail in mails:
        if wanted and mail.address == wanted:
            return mail
    return mails[0] if is_only and len(mails) == 1 else None
