"""Adding a server: a few fields, what providers say, and a test with the same button."""

from __future__ import annotations

import re

from campaigns.settings import queries
from campaigns.settings.forms import PRESETS
from tests.fakes.smtp_server import SmtpServer

TYPED = {
    "name": "Relay",
    "host": "127.0.0.1",
    "security": "none",
    "connections": "2",
    "sign_in": "password",
    "provider": "google",
}


def test_what_few_change_is_folded_away(ada) -> None:
    page = ada.get("/settings/servers/new").text
    before, _, after = page.partition('<details class="advanced">')
    names = re.findall(r'<(?:input|select)[^>]* name="(\w+)"', before.split('class="form"', 1)[1])
    assert [name for name in names if name != "csrf_token"] == [
        *("preset", "name", "host", "security", "port", "username", "password"),
    ]
    assert 'name="per_minute"' in after


def test_it_opens_where_something_in_it_is_wrong(ada) -> None:
    wrong = ada.post("/settings/servers/new", data={**TYPED, "port": "2525", "connections": "0"})
    assert wrong.status_code == 422
    assert '<details class="advanced" open>' in wrong.text


def test_the_providers_are_offered(ada) -> None:
    page = ada.get("/settings/servers/new").text
    for name, host, _security, _port in PRESETS.values():
        assert f">{name}</option>" in page
        assert host in page


def test_saving_and_testing_is_one_button(ada) -> None:
    with SmtpServer() as server:
        data = {**TYPED, "port": str(server.port), "next": "test"}
        page = ada.post("/settings/servers/new", data=data, follow_redirects=True)
        assert page.status_code == 200
        assert "ready to send" in page.text
    assert [each.health for each in queries.servers()] == ["working"]
