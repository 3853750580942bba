"""The dispatcher's process, `python -m campaigns.dispatcher`."""

from __future__ import annotations

from campaigns import process
from campaigns.audience.imports import duties as import_duties
from campaigns.delivery.dispatch import dispatcher
from campaigns.delivery.dispatch.dispatcher import Duty
from campaigns.inbound.hooks import duties as hook_duties
from campaigns.inbound.mailboxes import hints
from campaigns.inbound.rules import duties as rule_duties
from campaigns.inbound.timed import duties as timed_duties
from campaigns.planning.images import cleaning

DUTIES = (
    Duty("mailboxes", hints.EVERY_S, hints.hint_mailboxes),
    Duty("test inbox", hints.EVERY_S, hints.hint_practice),
    Duty("stored messages", hints.EVERY_S, hints.hint_messages),
    Duty("old messages", hints.SELDOM_S, hints.drop_old_bytes),
    Duty("rules", rule_duties.EVERY_S, rule_duties.hint_runs),
    Duty("timed emails", timed_duties.EVERY_S, timed_duties.send_due),
    Duty("webhooks", hook_duties.EVERY_S, hook_duties.hint_events),
    Duty("alerts", hook_duties.EVERY_S, hook_duties.hint_alerts),
    Duty("old events", hook_duties.SELDOM_S, hook_duties.clean_up),
    Duty("old imports", import_duties.EVERY_S, import_duties.clean_up),
    Duty("unused images", cleaning.EVERY_S, cleaning.clean_up),
)


def main() -> None:
    """Run the dispatcher until a stop signal; exits with a sentence if that is not possible."""
    process.serve(lambda: dispatcher.run(process.stop_on_signal(), more=DUTIES))


if __name__ == "__main__":
    main()
