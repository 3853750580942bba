"""The jobs of a mail worker."""

from __future__ import annotations

import logging

from sqlalchemy.exc import DBAPIError

from campaigns.core import config, queue
from campaigns.core.app_worker import die_with_parent
from campaigns.core.db import db
from campaigns.delivery.ledger import database_clock
from campaigns.inbound.effects import handling
from campaigns.inbound.mailboxes import alerts, hints, leases, practice, stored
from campaigns.inbound.mailboxes.leases import LostLease
from campaigns.inbound.mailboxes.protocols.session import MailboxError
from campaigns.inbound.mailboxes.reader import read_held
from campaigns.inbound.mailboxes.stored import Effects
from campaigns.inbound.rules import meeting, running
from campaigns.mail.errors import Unanswered
from campaigns.notices import services as notices_services

EFFECTS = Effects(meeting.handle, meeting.handle_some, handling.settle)
log = logging.getLogger(__name__)


def read_mailbox(mailbox_id: int) -> None:
    """Read a mailbox, unless another worker does; tells operators when that fails again and again."""
    die_with_parent()
    hold = leases.take(mailbox_id, seconds=config.current().lease_s)
    db.session.commit()
    if hold is None:
        return
    now = database_clock.measured()
    try:
        read_held(hold, EFFECTS, now=now, is_stopping=queue.leaving.is_set, may_wait=hints.nobody_waits)
    except LostLease:
        db.session.rollback()
        log.warning("Mailbox %s is read by another worker by now.", mailbox_id)
    except MailboxError:
        notices = alerts.post_if_needed(mailbox_id, now=now())
        db.session.commit()
        queue.enqueue_each(notices_services.JOB, notices)


def read_practice() -> None:
    """Take what the test inbox sends back, as from a mailbox."""
    die_with_parent()
    practice.read(EFFECTS, now=database_clock.measured())


def handle_message(message_id: int) -> None:
    """Handle a stored message, unless that is done."""
    die_with_parent()
    stored.handle_some([message_id], EFFECTS, now=database_clock.measured(), between=lambda: None)


def run_rule(run_id: int) -> None:
    """Do what a rule says for a message that met its conditions, unless that is done."""
    die_with_parent()
    now = database_clock.measured()
    taken = running.take(run_id, now=now())
    db.session.commit()  # no transaction stays open while name servers take their time
    if taken is None:
        return
    try:
        running.finish(taken, now=now)
    except Unanswered as error:  # tried again later, like all that fails
        db.session.rollback()
        log.warning("The run %s of a rule could not ask for the key of %s.", run_id, error)
    except DBAPIError as error:
        db.session.rollback()
        if not stored.is_passing(error):
            raise
        log.warning("The run %s of a rule has to wait for the database.", run_id, exc_info=True)
        running.give_back(run_id)
        db.session.commit()
