"""The public URLs that are used in messages; `public` routes the same patterns."""

from __future__ import annotations

OPEN = "/o/{token}.gif"
CLICK = "/c/{token}/{number}"
UNSUBSCRIBE = "/u/{token}"
PREFERENCES = "/p/{token}"  # with the same token as UNSUBSCRIBE
WEB_VIEW = "/w/{token}"
SHARE = "/e/{token}"  # the message for anybody: with no person's data and no way to unsubscribe them
ARCHIVE = "/a/{public_id}"  # of a list


def open_url(public_url: str, token: str) -> str:
    """The URL of the open pixel."""
    return public_url.rstrip("/") + OPEN.format(token=token)


def click_url(public_url: str, token: str, number: int | str) -> str:
    """The URL that a tracked link leads to first."""
    return public_url.rstrip("/") + CLICK.format(token=token, number=number)


def unsubscribe_url(public_url: str, token: str) -> str:
    """The URL of the unsubscribe page, and of one-click unsubscribing (RFC 8058)."""
    return public_url.rstrip("/") + UNSUBSCRIBE.format(token=token)


def preferences_url(public_url: str, token: str) -> str:
    """The URL of the page where subscribers choose their lists."""
    return public_url.rstrip("/") + PREFERENCES.format(token=token)


def web_view_url(public_url: str, token: str) -> str:
    """The URL of the message as a web page."""
    return public_url.rstrip("/") + WEB_VIEW.format(token=token)


def share_url(public_url: str, token: str) -> str:
    """The URL of the message for anybody."""
    return public_url.rstrip("/") + SHARE.format(token=token)


def archive_url(public_url: str, public_id: str) -> str:
    """The URL of what was sent to a list."""
    return public_url.rstrip("/") + ARCHIVE.format(public_id=public_id)
