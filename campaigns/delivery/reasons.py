"""Why a recipient was skipped or failed."""

from __future__ import annotations

from enum import StrEnum

from campaigns.core.i18n import _


class Reason(StrEnum):
    """Why a recipient was skipped or failed; the server's reply is in `reply`."""

    UNCONFIRMED = "unconfirmed"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    DELETED = "deleted"
    BAD_ADDRESS = "bad_address"
    BAD_DOMAIN = "bad_domain"
    DISABLED = "disabled"
    MAILBOX_FULL = "mailbox_full"
    POLICY = "policy"
    PROTOCOL = "protocol"
    SERVER_REPLY = "server_reply"
    TOO_LATE = "too_late"
    TEMPORARY = "temporary"
    GREYLISTED = "greylisted"
    RECEIVER = "receiver"
    CONTENT = "content"
    IN_DOUBT = "in_doubt"
    CAMPAIGN_CANCELLED = "campaign_cancelled"
    RECEIVER_LIMIT = "receiver_limit"
    LIST_DELETED = "list_deleted"
    NOT_IN_SEGMENT = "not_in_segment"
    EXCLUDED = "excluded"

    @property
    def label(self) -> str:
        return {
            Reason.UNCONFIRMED: _("has not confirmed the subscription"),
            Reason.UNSUBSCRIBED: _("has unsubscribed"),
            Reason.SUPPRESSED: _("is on the suppression list"),
            Reason.DELETED: _("has been deleted"),
            Reason.BAD_ADDRESS: _("the address does not exist"),
            Reason.BAD_DOMAIN: _("the domain doesn't accept email"),
            Reason.DISABLED: _("the mailbox is disabled"),
            Reason.MAILBOX_FULL: _("the mailbox is full"),
            Reason.POLICY: _("the receiving server rejected the email"),
            Reason.PROTOCOL: _("SMTP protocol error"),
            Reason.SERVER_REPLY: _("the sending server reported an internal problem"),
            Reason.TOO_LATE: _("could not be delivered within the retry period"),
            Reason.TEMPORARY: _("a temporary problem, will be retried"),
            Reason.GREYLISTED: _("the receiving server asked to retry later"),
            Reason.RECEIVER: _("the receiving server is rate-limiting us"),
            Reason.CONTENT: _("the message could not be rendered for this recipient"),
            Reason.IN_DOUBT: _("the connection was lost before the response"),
            Reason.CAMPAIGN_CANCELLED: _("the campaign was cancelled"),
            Reason.RECEIVER_LIMIT: _("waiting for this domain's rate limit"),
            Reason.LIST_DELETED: _("was on a list that has been deleted"),
            Reason.NOT_IN_SEGMENT: _("is not in the campaign's segments"),
            Reason.EXCLUDED: _("is on a list or in a segment that the campaign leaves out"),
        }[self]


# Bounces: the address may not get email any more. They count against a list.
BOUNCES = (Reason.BAD_ADDRESS, Reason.BAD_DOMAIN, Reason.DISABLED)
