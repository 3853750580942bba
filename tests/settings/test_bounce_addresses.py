"""A sender's bounce address: chosen on its page or by a command, and never one that gives bounces to strangers."""

from __future__ import annotations

import pytest

from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.core.mail_addresses import with_token
from campaigns.core.signing import LONGEST_LOCAL_TOKEN
from campaigns.mail import bounce_addresses
from campaigns.mail.protocol import path
from campaigns.settings import queries, senders
from campaigns.settings.models import Sender
from tests.factories import NOON, make_list, make_sender

POST = {"name": "Post", "email": "post@example.com"}


def stored() -> str:
    db.session.rollback()
    db.session.expire_all()
    return queries.sender(1).bounce_address


@pytest.mark.parametrize(
    ("data", "address"),
    [
        ({}, ""),
        ({"bounces": "plain", "bounce_mailbox": "bounce@example.com"}, ""),
        ({"bounces": "plus"}, "bounce@example.com"),
        ({"bounces": "plus", "bounce_mailbox": "Returns@Mail.Example.com"}, "returns@mail.example.com"),
        ({"bounces": "subdomain"}, "@bounce.example.com"),
        ({"bounces": "subdomain", "bounce_domain": " @back.example.com. "}, "@back.example.com"),
    ],
)
def test_a_sender_is_given_a_bounce_address(ben, data: dict[str, str], address: str) -> None:
    assert ben.post("/settings/senders/new", data={**POST, **data}).status_code == 303
    assert stored() == address


def test_the_page_of_a_sender_shows_its_bounce_address_and_changes_it(ben) -> None:
    make_sender("post@example.com", bounce_address="returns@example.com")
    assert "returns+…@example.com" in ben.get("/settings/senders").get_data(as_text=True)
    page = ben.get("/settings/senders/1/edit").get_data(as_text=True)
    assert 'value="returns@example.com"' in page
    assert '<option selected value="plus">' in page
    ben.post("/settings/senders/1/edit", data={**POST, "bounces": "plain"})
    assert stored() == ""


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"bounces": "plus", "bounce_mailbox": "bounce"}, "Enter an address like"),
        ({"bounces": "plus", "bounce_mailbox": "bounce+x@example.com"}, "Before the @, use"),
        ({"bounces": "plus", "bounce_mailbox": f"{'b' * 33}@example.com"}, "use at most 32 characters"),
        ({"bounces": "plus", "bounce_mailbox": "bounce@exmaple.com"}, "Use example.com or a subdomain"),
        ({"bounces": "plus", "bounce_mailbox": "a@b@example.com"}, "Before the @, use"),
        ({"bounces": "plus", "bounce_mailbox": "bounce@example.com>\r\nRCPT"}, "Enter an address like"),
        ({"bounces": "subdomain", "bounce_domain": "example.com"}, "Use a subdomain"),
        ({"bounces": "subdomain", "bounce_domain": "bounce.example.org"}, "Use example.com or a subdomain"),
        ({"bounces": "subdomain", "bounce_domain": "bounce"}, "Enter a domain like"),
        ({"bounces": "subdomain", "bounce_domain": "a..example.com"}, "Enter a domain like"),
        ({"bounces": "subdomain", "bounce_domain": "[127.0.0.1]"}, "Enter a domain like"),
        ({"bounces": "elsewhere"}, "Not a valid choice"),
    ],
)
def test_a_bad_bounce_address_is_refused_at_its_field(ben, data: dict[str, str], says: str) -> None:
    answer = ben.post("/settings/senders/new", data={**POST, **data})
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert says in page
    assert 'aria-invalid="true"' in page
    assert db.session.query(Sender).count() == 0


def test_bounces_never_go_to_strangers_at_a_mailbox_provider() -> None:
    for text, own in (
        ("bounce@gmail.com", "gmail.com"),
        ("@bounce.gmail.com", "gmail.com"),
        ("bounce@outlook.de", "outlook.de"),
    ):
        with pytest.raises(Invalid, match="mailbox provider"):
            bounce_addresses.clean(text, sender=f"me@{own}")


@pytest.mark.parametrize(
    ("domain", "sender", "belongs"),
    [
        ("example.com", "example.com", True),
        ("bounce.example.com", "example.com", True),
        ("bounce.example.com", "news.example.com", True),
        ("example.com", "news.example.com", True),
        ("bounce.bmw.de", "bmw.de", True),
        ("bounce.example.co.uk", "news.example.co.uk", True),
        ("bounce.other.co.uk", "example.co.uk", False),
        ("co.uk", "example.co.uk", False),
        ("notexample.com", "example.com", False),
        ("example.com.attacker.net", "example.com", False),
    ],
)
def test_a_bounce_domain_belongs_to_the_senders_domain(domain: str, sender: str, belongs: bool) -> None:
    assert bounce_addresses.belongs(domain, sender) is belongs


def test_the_longest_bounce_address_fits_into_an_envelope() -> None:
    long_domain = ".".join(["d" * 55, "d" * 55, "d" * 55, "example.com"])
    assert len(long_domain) == bounce_addresses.LONGEST_DOMAIN - 1
    for text in (f"{'b' * 32}@{long_domain}", f"@{long_domain}"):
        kept = bounce_addresses.clean(text, sender="post@example.com")
        assert path(with_token(kept, "a" * LONGEST_LOCAL_TOKEN))
    with pytest.raises(Invalid):
        bounce_addresses.clean(f"@x.{long_domain}", sender="post@example.com")


def test_a_domain_with_letters_of_its_own_is_kept_in_a_labels() -> None:
    assert bounce_addresses.clean("@rück.bücher.example", sender="post@bücher.example") == (
        "@xn--rck-hoa.xn--bcher-kva.example"
    )


def test_a_command_that_creates_a_campaign_sets_the_bounce_address_of_its_sender(app, tmp_path) -> None:
    make_list("Readers")
    html = tmp_path / "mail.html"
    html.write_text("<p>Hello</p>")
    create = ["campaign", "create", "--name", "N", "--subject", "S", "--list", "Readers", "--html", str(html)]

    def run(*more: str) -> int:
        return (
            app.test_cli_runner().invoke(args=[*create, "--from", "Post <post@example.com>", *more]).exit_code
        )

    assert run("--bounce-address", "bounce@example.org") == 1
    assert run("--bounce-address", "@bounce.example.com") == 0
    assert queries.bounce_address("post@example.com") == "@bounce.example.com"
    assert run() == 0
    assert queries.bounce_address("post@example.com") == "@bounce.example.com", "as it was"


def test_the_bounce_address_of_a_sender_is_found_by_its_address(each_database) -> None:
    sender = senders.find_or_create_sender("Post <post@example.com>", now=NOON)
    senders.set_bounce_address(sender, "@bounce.example.com")
    assert queries.bounce_address("POST@example.com") == "@bounce.example.com"
    senders.set_bounce_address(sender, "")
    assert queries.bounce_address("post@example.com") == ""
    assert queries.bounce_address("nobody@example.com") == ""
    with pytest.raises(Invalid):
        senders.set_bounce_address(sender, "@bounce.example.org")
