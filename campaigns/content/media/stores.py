"""Which store images are kept in."""

from __future__ import annotations

from campaigns.content.media.storage import Disk, Store
from campaigns.core import config


def current() -> Store:
    """The store that the configuration names. Needs an app context."""
    settings = config.current()
    if settings.media_s3 is None:
        return Disk(settings.data_dir / "media")
    from campaigns.content.media.s3 import Bucket  # loaded only where it is used

    return Bucket(settings.media_s3)
