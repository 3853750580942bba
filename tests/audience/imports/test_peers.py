"""Exports of other services are understood as they are: their columns, and their words for who may get no email."""

from __future__ import annotations

import pytest
from flask import Flask

from campaigns.audience import queries
from campaigns.audience.imports import setup
from campaigns.audience.imports.files import peers
from campaigns.audience.imports.files.peers import BOUNCED, LEFT, STATUS, Standing
from campaigns.audience.models import Status, SuppressionReason
from tests.audience.imports.files import imported, make_import
from tests.factories import make_field, make_list, make_subscriber

# An export of each: its headings, a row of Ann, who is subscribed, then rows of people who are not.
EXPORTS = {
    "Mailchimp": (
        "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,LEID,EUID,NOTES,TAGS",
        "ann@example.org,Ann,Lee,2,2024-01-02 10:00:00,2024-01-02 10:00:00,,1,a1,,",
        "left@example.org,Lea,Low,2,2024-01-02 10:00:00,2024-01-02 10:00:00,2024-05-06 11:00:00,2,a2,,",
    ),
    "Brevo": (
        "CONTACT ID,EMAIL,FIRSTNAME,LASTNAME,SMS,EMAIL_BLACKLISTED,ADDED_TIME,MODIFIED_TIME",
        "1,ann@example.org,Ann,Lee,,No,01-02-2024,01-02-2024",
        "2,left@example.org,Lea,Low,,Yes,01-02-2024,01-02-2024",
    ),
    "MailerLite": (
        "Subscriber,First name,Last name,Sent,Opens,Clicks,Subscribed,Location,Status",
        "ann@example.org,Ann,Lee,3,2,1,2024-01-02 10:00:00,Cork,active",
        "left@example.org,Lea,Low,3,2,1,2024-01-02 10:00:00,Cork,unsubscribed",
        "junk@example.org,Joe,Low,3,2,1,2024-01-02 10:00:00,Cork,junk",
    ),
    "Substack": (
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at,first name,last name",
        "ann@example.org,false,,other,false,2024-01-02T10:00:00.000Z,,Ann,Lee",
        "left@example.org,false,,other,true,2024-01-02T10:00:00.000Z,,Lea,Low",
    ),
    "Beehiiv": (
        "id,email,first name,last name,status,created_at,subscription_tier,utm_source,utm_medium",
        "1,ann@example.org,Ann,Lee,active,2024-01-02,free,web,",
        "2,left@example.org,Lea,Low,inactive,2024-01-02,free,web,",
        "3,wait@example.org,Wim,Low,pending,2024-01-02,free,web,",
    ),
    "Kit": (
        "id,first_name,last_name,email,status,created_at,tags",
        "1,Ann,Lee,ann@example.org,active,2024-01-02 10:00:00 UTC,",
        "2,Lea,Low,left@example.org,cancelled,2024-01-02 10:00:00 UTC,",
        "3,Bo,Low,bad@example.org,bounced,2024-01-02 10:00:00 UTC,",
        "4,Jo,Low,junk@example.org,complained,2024-01-02 10:00:00 UTC,",
    ),
    "ActiveCampaign": (
        "Contact ID,Email,First Name,Last Name,Account,Date Created,Tags,Status",
        "1,ann@example.org,Ann,Lee,,2024-01-02 10:00:00,,Active",
        "2,left@example.org,Lea,Low,,2024-01-02 10:00:00,,Unsubscribed",
        "3,bad@example.org,Bo,Low,,2024-01-02 10:00:00,,Bounced",
    ),
    "Sendy": (
        "Name,Email,First name,Last name,Last activity,Status",
        ",ann@example.org,Ann,Lee,2024-01-02,Active",
        ",left@example.org,Lea,Low,2024-01-02,Unsubscribed",
        ",bad@example.org,Bo,Low,2024-01-02,Bounced",
        ",junk@example.org,Jo,Low,2024-01-02,Marked as spam",
    ),
    "listmonk": (
        "uuid,email,first_name,last_name,attributes,status,created_at,updated_at",
        "5a,ann@example.org,Ann,Lee,{},enabled,2024-01-02,2024-01-02",
        "5b,left@example.org,Lea,Low,{},blocklisted,2024-01-02,2024-01-02",
    ),
    "Keila": (
        "Email,First name,Last name,Data,Status,External ID",
        "ann@example.org,Ann,Lee,,active,",
        "left@example.org,Lea,Low,,unsubscribed,",
        "bad@example.org,Bo,Low,,unreachable,",
    ),
    "Ghost": (
        "id,email,first_name,last_name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,labels",
        "1,ann@example.org,Ann,Lee,,true,false,,2024-01-02T10:00:00.000Z,",
        "2,left@example.org,Lea,Low,,false,false,,2024-01-02T10:00:00.000Z,",
    ),
}
SUPPRESSED = {
    "bad@example.org": SuppressionReason.HARD_BOUNCE,
    "junk@example.org": SuppressionReason.COMPLAINT,
}


def test_every_service_has_a_sample() -> None:
    assert set(EXPORTS) == set(peers.PEERS)


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_known_by_its_headings(name: str) -> None:
    assert peers.peer_of(EXPORTS[name][0].split(",")) == name


@pytest.mark.parametrize("name", EXPORTS)
def test_only_who_is_subscribed_there_is_imported(app: Flask, name: str) -> None:
    make_field("first_name", label="First name"), make_field("last_name", label="Last name")
    readers = make_list()
    left = make_subscriber("left@example.org", lists=[readers])
    done = imported("\n".join(EXPORTS[name]) + "\n", readers)
    assert (done.new, done.refused, done.left_out) == (1, 0, len(EXPORTS[name]) - 2)
    ann = queries.person_by_address("ann@example.org")
    assert ann is not None
    assert ann.fields == {"first_name": "Ann", "last_name": "Lee"}, "only fields that somebody wants"
    assert queries.subscription(left.id, readers.id).status is Status.UNSUBSCRIBED
    for email, reason in SUPPRESSED.items():
        assert queries.person_by_address(email) is None
        stands = queries.suppression_by_address(email)
        assert (stands is not None) == any(email in row for row in EXPORTS[name])
        assert stands is None or stands.reason is reason


def test_a_file_of_people_whose_email_bounced_is_suppressed(app: Flask) -> None:
    rows = "Email Address,MEMBER_RATING,OPTIN_TIME,CLEAN_TIME,LEID,EUID\nbad@example.org,2,,2024-05-06,1,a\n"
    assert imported(rows, make_list()).left_out == 1
    assert queries.suppression_by_address("bad@example.org") is not None


def test_a_status_that_nobody_knows_is_rejected(app: Flask) -> None:
    done = imported(
        "Email,State\na@example.org,purple\nb@example.org,\n", make_list(), mapping=["email", STATUS]
    )
    assert (done.new, done.refused) == (1, 1)


def test_a_column_is_a_status_only_if_its_values_are(app: Flask) -> None:
    made = make_import("Email,Status\na@example.org,gold\n", make_list(), waits_for_columns=True)
    assert setup.guess(made) == ["email", "new"]


@pytest.mark.parametrize(
    ("cells", "standing"),
    [
        ([(STATUS, "")], Standing.SUBSCRIBED),
        ([(STATUS, "Subscribed"), (LEFT, "2024-01-02")], Standing.UNSUBSCRIBED),
        ([(LEFT, "0"), (BOUNCED, "false")], Standing.SUBSCRIBED),
        ([(LEFT, "yes"), (BOUNCED, "2024-01-02")], Standing.BOUNCED),
        ([(STATUS, "Spam complaint"), (BOUNCED, "yes")], Standing.COMPLAINED),
        ([(STATUS, "已退订")], Standing.UNSUBSCRIBED),
        ([(STATUS, "gold")], None),
    ],
)
def test_the_worst_that_a_row_says_counts(cells, standing) -> None:
    assert peers.standing_of(cells) is standing
