"""The labels of all statuses, for badges, filters, tables, exports and commands."""

from __future__ import annotations

from campaigns.core.i18n import Sentence, _

LABELS = {
    # campaigns
    "draft": _("Draft"),
    "scheduled": _("Scheduled"),
    "preparing": _("Preparing"),
    "sending": _("Sending"),
    "paused": _("Paused"),
    "finished": _("Finished"),
    "cancelled": _("Cancelled"),
    # recipients of a campaign
    "queued": _("Queued"),
    "retrying": _("Retrying"),
    "sent": _("Sent"),
    "failed": _("Failed"),
    "skipped": _("Skipped"),
    "expired": _("Expired"),
    "bounced": _("Bounced"),
    "unknown": _("Unknown outcome"),
    # subscriptions
    "unconfirmed": _("Unconfirmed"),
    "subscribed": _("Subscribed"),
    "unsubscribed": _("Unsubscribed"),
    "suppressed": _("Suppressed"),
    # imports
    "uploaded": _("Columns not matched"),
    "running": _("Running"),
    "checking": _("Checking"),
    "checked": _("Not confirmed"),
    "undoing": _("Undoing"),
    "undone": _("Undone"),
    # incoming messages
    "stored": _("Waiting"),
    "handled": _("Processed"),
    "quarantined": _("Quarantined"),
    # loopback tests
    "arrived": _("Arrived"),
    "under_way": _("On its way"),
    "late": _("Not arrived"),
    "not_accepted": _("Not accepted"),
    # runs of rules
    "done": _("Applied"),
    "refused": _("Not authenticated"),
    # team members
    "invited": _("Invited"),
    "active": _("Active"),
    "disabled": _("Disabled"),
    # sending servers
    "practice": _("Test inbox only"),
    "working": _("Working"),
    "untested": _("Not tested"),
    "broken": _("Not working"),
    # webhooks of providers
    "incomplete": _("Setup incomplete"),
    "listening": _("No events yet"),
    "receiving": _("Receiving"),
    # monitoring alerts
    "firing": _("Firing"),
    "resolved": _("Resolved"),
    # sending domains, DKIM keys and DNS records
    "waiting": _("Waiting for DNS records"),
    "signing": _("Signing"),
    "unpublished": _("DNS record missing"),
    "old": _("Replaced"),
    "right": _("Verified"),
    "different": _("Different"),
    "missing": _("Missing"),
    "silent": _("DNS lookup failed"),
    "unchecked": _("Not checked"),
}


def label(word: str) -> Sentence:
    """The label of a status, in the reader's language; raises KeyError for an unknown status."""
    return LABELS[word]
