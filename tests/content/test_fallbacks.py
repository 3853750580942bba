"""A subject as it reads for somebody of whom nothing is known."""

from __future__ import annotations

import pytest

from campaigns.content.language.fallbacks import Piece, pieces


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("Plain & simple", [Piece("Plain & simple")]),
        ("", [Piece("")]),
        (
            'Hello {{ first_name | default("friend") }}, welcome',
            [
                Piece("Hello "),
                Piece("friend", '{{ first_name | default("friend") }}'),
                Piece(", welcome"),
            ],
        ),
        ("{{ city }}!", [Piece("city", "{{ city }}"), Piece("!")]),
        ("{% if city %}Near {{ city }}{% else %}Far{% endif %}", [Piece("Far")]),
        ("{{ broken", [Piece("{{ broken")]),
        ("{{ ''.__class__ }}", [Piece("{{ ''.__class__ }}")]),
    ],
)
def test_tags_read_as_what_stands_for_them(line: str, parts: list[Piece]) -> None:
    assert list(pieces(line)) == parts
