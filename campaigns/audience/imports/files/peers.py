"""What other services write into their exports: the names of their columns, and their words for a person's status.

Data, and two functions that look something up in it. Names and words are compared as `values.slug` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from campaigns.audience.values import slug

# Targets of columns; no field's key contains a colon.
STATUS = ":status"  # a word
LEFT = ":left"  # a date or a yes: unsubscribed
BOUNCED = ":bounced"  # a date or a yes: does not receive email
IGNORE = "ignore"


class Standing(StrEnum):
    """How a person stands with the list that the file comes from."""

    SUBSCRIBED = "subscribed"
    UNCONFIRMED = "unconfirmed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


WORDS = {
    Standing.SUBSCRIBED: "subscribed active enabled confirmed valid opted_in opt_in member live true yes 1"
    " abonniert aktiv bestatigt inscrit actif suscrito activo 已订阅 订阅",
    Standing.UNCONFIRMED: "unconfirmed pending non_subscribed nonsubscribed transactional not_confirmed"
    " unactivated awaiting_confirmation validating never_subscribed unbestatigt 未确认",
    Standing.UNSUBSCRIBED: "unsubscribed inactive disabled cancelled canceled opted_out opt_out removed"
    " unsubscribe archived deleted blocklisted blacklisted blocked suppressed false no 0"
    " abgemeldet desinscrit 已退订 退订",
    Standing.BOUNCED: "bounced cleaned hard_bounced hard_bounce soft_bounced invalid unreachable undeliverable"
    " bounce 退信",
    Standing.COMPLAINED: "complained complaint spam spam_complaint junk abuse marked_as_spam reported 投诉",
}
_STANDINGS = {word: standing for standing, words in WORDS.items() for word in words.split()}
_NO = frozenset({"", "0", "false", "no", "none", "null", "n", "nein", "non", "0000_00_00_00_00_00", "否"})


class Peer(NamedTuple):
    """A service: columns by which its files are known, and what else they contain."""

    known_by: frozenset[str]
    status: str = ""  # columns with a word
    left: str = ""
    bounced: str = ""
    ignored: str = ""
    fields: str = ""  # column=field


def _peer(known_by: str, **columns: str) -> Peer:
    return Peer(frozenset(known_by.split()), **columns)


PEERS = {
    "Mailchimp": _peer(
        "email_address member_rating optin_time leid euid",
        left="unsub_time",
        bounced="clean_time",
        ignored="member_rating optin_time optin_ip confirm_time confirm_ip latitude longitude gmtoff dstoff"
        " timezone cc region last_changed leid euid notes tags unsub_campaign_title unsub_campaign_id"
        " unsub_reason unsub_reason_other clean_campaign_title clean_campaign_id",
    ),
    "Brevo": _peer(
        "contact_id email email_blacklisted",
        left="email_blacklisted blacklisted unsubscribed",
        ignored="contact_id sms_blacklisted added_time modified_time added_on last_changed double_opt_in"
        " opt_in landline_number whatsapp interested_in list_ids",
        fields="sms=phone",
    ),
    "MailerLite": _peer(
        "subscriber sent opens clicks subscribed",
        status="status type",
        left="unsubscribed",
        ignored="sent opens clicks subscribed location signup_ip signup_timestamp confirmation_ip"
        " confirmation_timestamp opened clicked click_rate open_rate source groups",
    ),
    "Substack": _peer(
        "email active_subscription email_disabled",
        left="email_disabled",
        ignored="active_subscription expiry plan created_at first_payment_at stripe_plan cancel_date start_date"
        " paid_upgrade_date first_paid_date expiration_date type subscription_source_free"
        " subscription_source_paid activity revenue days_active_last_30_days emails_opened_6mo"
        " emails_received_6mo",
    ),
    "Beehiiv": _peer(
        "email status subscription_tier utm_source",
        status="status",
        ignored="id subscription_id subscription_tier created_at created tier"
        " utm_source utm_medium utm_campaign utm_channel"
        " referring_site referral_code acquisition_source stripe_customer_id tags subscriber_id"
        " open_rate click_through_rate click_rate unsubscribed_at",
    ),
    "Kit": _peer(
        "id first_name email status created_at tags",
        status="status state",
        ignored="id created_at subscribed_at tags referrer referrer_utm_source referrer_utm_medium"
        " referrer_utm_campaign referrer_utm_term referrer_utm_content",
    ),
    "ActiveCampaign": _peer(
        "contact_id email date_created account",
        status="status list_status",
        left="unsubscribed_date",
        ignored="contact_id id subscriber_id date_created date_updated created_timestamp ip ip_address"
        " score rating tags lists hash organization_id",
        fields="account=company",
    ),
    "Sendy": _peer(
        "name email last_activity",
        status="status",
        ignored="last_activity joined ip country referrer method added_via gdpr notes",
    ),
    "listmonk": _peer(
        "uuid email status attributes",
        status="status subscription_status",
        ignored="id uuid attributes created_at updated_at lists",
    ),
    "Keila": _peer(
        "email first_name last_name data status",
        status="status",
        ignored="id data external_id inserted_at updated_at double_opt_in_at",
    ),
    "Ghost": _peer(
        "id email subscribed_to_emails complimentary_plan",
        status="subscribed_to_emails subscribed",
        ignored="id note complimentary_plan stripe_customer_id created_at deleted_at labels tiers products",
    ),
}
LEAST_KNOWN = 0.6  # of the columns by which a service is known
# Columns with a status, in any file.
STATUSES = frozenset(
    {"status", "email_status", "subscription_status", "subscriber_status", "list_status", "mail_status"}
)
LEFT_AT = frozenset({"unsubscribed_at", "unsub_time", "unsubscribe_date", "unsubscribed_date", "optout_time"})


def peer_of(headings: Sequence[str]) -> str | None:
    """The service that most likely wrote a file with these headings."""
    slugs = {slug(heading) for heading in headings}
    best, most = None, LEAST_KNOWN
    for name, peer in PEERS.items():
        share = len(peer.known_by & slugs) / len(peer.known_by)
        if share > most or (share == most and best is None):
            best, most = name, share
    return best


def target_of(heading: str, peer: str | None, cells: Iterable[str] = ()) -> str | None:
    """What a column with this heading is in a file of that service; None for a field or anything else.

    A column is a status only if its values are words for one.
    """
    name = slug(heading)
    found = PEERS[peer] if peer else None
    is_status = name in STATUSES or (found is not None and name in found.status.split())
    if is_status and all(slug(cell) in _STANDINGS for cell in cells if cell.strip()):
        return STATUS
    if name in LEFT_AT or (found is not None and name in found.left.split()):
        return LEFT
    if found is None:
        return None
    if name in found.bounced.split():
        return BOUNCED
    if name in found.ignored.split():
        return IGNORE
    return dict(pair.split("=") for pair in found.fields.split()).get(name)


def standing_of(cells: Iterable[tuple[str, str]]) -> Standing | None:
    """The worst standing that these cells (target, text) state; None if there is a word that nobody knows."""
    worst = Standing.SUBSCRIBED
    for target, text in cells:
        word = slug(text)
        if target == STATUS:
            said = _STANDINGS.get(word) if word else Standing.SUBSCRIBED
        elif word in _NO:
            said = Standing.SUBSCRIBED
        else:
            said = Standing.UNSUBSCRIBED if target == LEFT else Standing.BOUNCED
        if said is None:
            return None
        if _RANK[said] > _RANK[worst]:
            worst = said
    return worst


_RANK = {standing: rank for rank, standing in enumerate(Standing)}
