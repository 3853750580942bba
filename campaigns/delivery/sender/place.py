"""What a worker has taken before it opens a lane."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A lane of that campaign over that server, under that owner's name. No server: there is none for it."""

    campaign_id: int
    server_id: int | None
    owner: str
