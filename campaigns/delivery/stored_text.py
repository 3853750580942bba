"""Stored sentences are in the site's language, because their reader is not known yet."""

from __future__ import annotations

from typing import Any

from campaigns.core.mailtext import force_locale
from campaigns.settings import queries as settings_queries


def said(sentence: Any, *, language: str | None = None) -> str:
    """A lazy sentence, or an error with one, as text in `language` (None: the site's). Needs no request."""
    with force_locale(language or settings_queries.site().language):
        return str(sentence)
