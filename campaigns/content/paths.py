"""The public addresses that stand in mails; `public` routes the same patterns."""

from __future__ import annotations

OPEN = "/o/{token}.gif"
CLICK = "/c/{token}/{number}"
UNSUBSCRIBE = "/u/{token}"
PREFERENCES = "/p/{token}"  # the token of UNSUBSCRIBE
WEB_VIEW = "/w/{token}"


def open_url(public_url: str, token: str) -> str:
    """Where the open pixel is fetched."""
    return public_url.rstrip("/") + OPEN.format(token=token)


def click_url(public_url: str, token: str, number: int | str) -> str:
    """Where a tracked link leads first."""
    return public_url.rstrip("/") + CLICK.format(token=token, number=number)


def unsubscribe_url(public_url: str, token: str) -> str:
    """The page that asks, and the address of one-click unsubscribing (RFC 8058)."""
    return public_url.rstrip("/") + UNSUBSCRIBE.format(token=token)


def preferences_url(public_url: str, token: str) -> str:
    """The page where subscribers choose their lists."""
    return public_url.rstrip("/") + PREFERENCES.format(token=token)


def web_view_url(public_url: str, token: str) -> str:
    """The mail as a page."""
    return public_url.rstrip("/") + WEB_VIEW.format(token=token)
