"""Requests by email: who asks to leave, which command is given, and who does neither."""

from __future__ import annotations

import pytest

from campaigns.inbound.verdicts.classify import classify
from campaigns.inbound.verdicts.verdict import Kind

TOKEN = "k3q7xyzk3q7xyzk3q7xyz2345"


def kind(to: str, subject: str = "", body: str = "") -> Kind:
    head = f"From: Ann <ann@home.example>\nReturn-Path: <ann@home.example>\nTo: {to}\nSubject: {subject}\n"
    return classify(f"{head}Content-Type: text/plain; charset=utf-8\n\n{body}\n".encode()).kind


@pytest.mark.parametrize(
    "body", ["", "unsubscribe", "This is an automatic message.", "-- \nAnn\nSent from my phone"]
)
@pytest.mark.parametrize("local", [f"unsub+{TOKEN}", f"UNSUB+{TOKEN.upper()}", f"unsub{TOKEN}"])
def test_an_address_for_leaving_is_enough(local: str, body: str) -> None:
    assert kind(f"{local}@sender.example", body=body) is Kind.UNSUBSCRIBE


@pytest.mark.parametrize(
    "said", ["Unsubscribe", "退订", "Désinscription", "Abmelden", "Отписаться", "baja", "配信停止"]
)
def test_a_subject_or_a_first_line_is_enough(said: str) -> None:
    assert kind("news@sender.example", subject=said) is Kind.UNSUBSCRIBE
    assert kind("news@sender.example", body=f"{said}\n\n> Hello") is Kind.UNSUBSCRIBE


@pytest.mark.parametrize(
    "body",
    [
        "La calidad es baja, me parece.",
        "I told my sister how to unsubscribe from the other list, as you said last week.",
    ],
)
def test_who_tells_something_asks_for_nothing(body: str) -> None:
    assert kind("news@sender.example", subject="Re: Unsubscribe", body=body) is Kind.REPLY


def test_a_command_is_its_word_at_an_address_for_commands() -> None:
    assert kind(f"command+{TOKEN}@sender.example", body="Pause\n\n> Campaign November") is Kind.COMMAND
    assert kind(f"command+{TOKEN}@sender.example", body="What is this?") is Kind.REPLY
    assert kind("news@sender.example", body="pause") is Kind.REPLY
