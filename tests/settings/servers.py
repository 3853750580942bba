"""Servers as they are typed in."""

from __future__ import annotations

from campaigns.core.db import db
from campaigns.mail.security import Security
from campaigns.settings import queries, services
from campaigns.settings.models import Server
from tests.factories import NOON

PASSWORD = "the relay's own secret"


TYPED = {
    "name": "Relay",
    "host": "smtp.example.com",
    "port": "587",
    "security": "starttls",
    "verify_certificate": "y",
    "username": "ann",
    "password": PASSWORD,
    "connections": "7",
    "is_default": "y",
}


def create(name: str = "Relay", **values) -> Server:
    values = {"host": "smtp.example.com", "port": 587, "security": Security.STARTTLS, "now": NOON, **values}
    return services.create_server(name, **values)


def reloaded(server_id: int = 1) -> Server:
    db.session.rollback()
    db.session.expire_all()
    return queries.server(server_id)
