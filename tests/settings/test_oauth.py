"""OAuth 2: tokens are had, kept, renewed and told about; secrets stay where they were entered for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.core.db import db
from campaigns.core.errors import Invalid
from campaigns.delivery.autopause import server_outage
from campaigns.mail.errors import NoToken
from campaigns.mail.security import Security
from campaigns.planning.models import PauseReason, Status
from campaigns.settings import oauth, queries, services
from campaigns.settings.models import Server
from campaigns.settings.oauth import OAuth2
from tests.delivery.factories import fresh, make_launched, send, states
from tests.factories import NOON
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.token_server import GIVEN, REFUSED, TokenServer

TYPED = {
    "name": "Relay",
    "host": "smtp.example.com",
    "port": "587",
    "security": "starttls",
    "verify_certificate": "y",
    "username": "ann@example.com",
    "sign_in": "oauth2",
    "provider": "microsoft",
    "client_id": "our-app",
    "client_secret": "client-hush",
    "refresh_token": "refresh-hush",
    "connections": "7",
}


def create(url: str = "https://login.example.com/token", *, port: int = 2525) -> Server:
    made = services.create_server(
        "Relay",
        host="127.0.0.1",
        port=port,
        security=Security.NONE,
        username="ann",
        signs_in=OAuth2(url, "our-app", "client-hush", "refresh-hush", "mail"),
        now=NOON,
    )
    db.session.commit()
    return made


def reloaded() -> Server:
    db.session.rollback()
    db.session.expire_all()
    return queries.server(1)


def giver(server: Server) -> Callable[[str | None], str]:
    """Who gives its tokens, asked as the doors do it: with nothing held in the database."""
    give = services.connection(server).token
    assert give is not None
    db.session.rollback()
    return give


def use_tokens(url: str) -> None:
    """Let the one server there is sign in as `us` with tokens from there."""
    row = db.session.scalars(sa.select(Server)).one()
    row.username = "us"
    oauth.set_oauth(row, OAuth2(url, "our-app", None, "refresh-hush"))
    db.session.commit()


def test_a_provider_is_chosen_and_its_secrets_are_never_shown_again(ada) -> None:
    answer = ada.post("/settings/servers/new", data=TYPED)
    assert answer.status_code == 303
    page = ada.get("/settings/servers/1/edit").get_data(as_text=True)
    page += ada.post("/settings/servers/1/edit", data={**TYPED, "port": "0"}).get_data(as_text=True)
    server = reloaded()
    assert (server.token_url or "").startswith("https://login.microsoftonline.com/")
    assert "SMTP.Send" in (server.token_scope or "")
    assert oauth.opened(server, "refresh_token") == "refresh-hush"
    sealed = bytes(server.client_secret_sealed or b"") + bytes(server.refresh_token_sealed or b"")
    shown = page + repr(services.connection(server)) + sealed.decode("latin-1")
    assert "hush" not in shown


def test_empty_secrets_keep_the_old_ones_but_only_for_the_same_place(ada) -> None:
    ada.post("/settings/servers/new", data=TYPED)
    kept = {**TYPED, "client_secret": "", "refresh_token": ""}
    assert ada.post("/settings/servers/1/edit", data=kept).status_code == 303
    for change in ({"host": "evil.example"}, {"port": "2525"}, {"provider": "google"}, {"security": "tls"}):
        answer = ada.post("/settings/servers/1/edit", data={**kept, **change})
        assert answer.status_code == 422
        assert "Enter it again" in answer.get_data(as_text=True)
    assert reloaded().host == "smtp.example.com"


def test_going_back_to_a_password_forgets_the_tokens(ada) -> None:
    ada.post("/settings/servers/new", data=TYPED)
    ada.post("/settings/servers/1/edit", data={**TYPED, "sign_in": "password", "password": "pw"})
    server = reloaded()
    assert not server.signs_in_by_token
    assert server.refresh_token_sealed is server.client_secret_sealed is None
    assert services.connection(server).password == "pw"


@pytest.mark.parametrize(
    "url", ["http://login.example.com/t", "ftp://x/t", "https://", "https://a@b/t", "-", "https://a:b/t"]
)
def test_secrets_travel_by_https_only(app: Flask, url: str) -> None:
    with pytest.raises(Invalid) as refused:
        create(url)
    assert refused.value.field == "token_url"


def test_a_token_is_asked_for_once_and_shared(app: Flask) -> None:
    with TokenServer(GIVEN) as tokens:
        server = create(tokens.url)
        for _time in range(3):
            give = giver(server)
            assert give(None) == "access"
    assert tokens.asked == [
        {
            "grant_type": "refresh_token",
            "client_id": "our-app",
            "client_secret": "client-hush",
            "refresh_token": "refresh-hush",
            "scope": "mail",
        }
    ]


def test_a_token_about_to_expire_is_not_used_again(app: Flask) -> None:
    with TokenServer((200, {"access_token": "one", "expires_in": 0}), GIVEN) as tokens:
        give = giver(create(tokens.url))
        assert [give(None), give(None)] == ["one", "access"]


def test_a_rotated_refresh_token_is_stored_S22(each_database: Flask) -> None:
    with TokenServer((200, {**GIVEN[1], "refresh_token": "second"}), GIVEN) as tokens:
        give = giver(create(tokens.url))
        give(None)
        assert oauth.opened(reloaded(), "refresh_token") == "second"
        db.session.rollback()
        give("access")
    assert [each["refresh_token"] for each in tokens.asked] == ["refresh-hush", "second"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (REFUSED, NoToken),
        ((200, {"access_token": "a\r\nQUIT"}), NoToken),
        ((200, {"token_type": "bearer"}), NoToken),
        ((302, {}), NoToken),
        ((503, {}), OSError),
        ((200, {"access_token": "x" * 70_000}), OSError),
    ],
)
def test_what_is_no_token_is_told(app: Flask, answer, error) -> None:
    with TokenServer(answer) as tokens:
        give = giver(create(tokens.url))
        with pytest.raises(error):
            give(None)
    assert len(tokens.asked) == 1, "redirects are not followed"


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_the_test_button_signs_in_with_a_token_S22(ada, mechanism: str) -> None:
    with TokenServer(GIVEN) as tokens, SmtpServer(users={"ann": "access"}, mechanisms=(mechanism,)) as smtp:
        create(tokens.url, port=smtp.port)
        page = ada.post("/settings/servers/1/test").get_data(as_text=True)
        assert "Connection successful. The server is ready to send." in page
        tokens.answers = [REFUSED]
        services.update_server(
            reloaded(), name="Relay", host="127.0.0.1", port=smtp.port, security=Security.NONE, username="bob"
        )
        db.session.commit()
        page = ada.post("/settings/servers/1/test").get_data(as_text=True)
        assert "invalid_grant" in page


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_campaign_goes_out_with_a_token_renewed_in_mid_send_S22(
    each_database: Flask, mechanism: str
) -> None:
    old = (200, {"access_token": "old", "expires_in": 3600})
    with (
        TokenServer(old, GIVEN) as tokens,
        SmtpServer(users={"us": "access"}, mechanisms=(mechanism,)) as smtp,
    ):
        campaign = make_launched(smtp, people=20)
        use_tokens(tokens.url)
        send(campaign)
        assert len(smtp.messages) == 20
    assert states(campaign) == {"sent": 20}
    assert len(tokens.asked) == 2


def test_a_refused_refresh_token_pauses_and_nobody_has_failed_S23(each_database: Flask) -> None:
    with TokenServer(REFUSED) as tokens, SmtpServer(users={"us": "access"}, mechanisms=("XOAUTH2",)) as smtp:
        campaign = make_launched(smtp, people=20)
        use_tokens(tokens.url)
        send(campaign)
    assert states(campaign) == {"pending": 20}
    found = fresh(campaign)
    assert (found.status, found.pause_reason) == (Status.PAUSED, PauseReason.SERVER_REFUSES)
    assert "invalid_grant" in (found.pause_detail or "")


def test_a_server_tried_again_after_an_outage_keeps_its_rotated_token_S22(each_database: Flask) -> None:
    rotated = (200, {**GIVEN[1], "refresh_token": "second"})
    with TokenServer(rotated) as tokens, SmtpServer(users={"us": "access"}, mechanisms=("XOAUTH2",)) as smtp:
        make_launched(smtp, people=1)
        use_tokens(tokens.url)
        server = db.session.scalars(sa.select(Server)).one()
        assert server_outage.probe(server.id, now=NOON)
        assert oauth.opened(reloaded(), "refresh_token") == "second"


def test_the_command_takes_tokens_from_standard_input_or_says_what_is_missing_S22(app: Flask) -> None:
    words = "server create Relay --host smtp.example.com --port 587 --security starttls --username ann"
    tokens = [
        *words.split(),
        "--oauth2-token-url",
        "https://login.example.com/token",
        "--client-id",
        "our-app",
    ]
    run = app.test_cli_runner().invoke
    for wrong in (
        tokens,
        [*words.split(), "--oauth2-stdin"],
        [*tokens, "--oauth2-stdin", "--password-stdin"],
    ):
        answer = run(args=wrong, input="refresh-hush\n")
        assert answer.exit_code == 1, answer.output
        assert "--oauth2-stdin, and no password" in answer.output
    answer = run(args=[*tokens, "--oauth2-stdin"], input="refresh-hush\nclient-hush\n")
    assert answer.exit_code == 0, answer.output
    server = reloaded()
    assert oauth.opened(server, "refresh_token") == "refresh-hush"
    assert oauth.opened(server, "client_secret") == "client-hush"
    assert "hush" not in answer.output
