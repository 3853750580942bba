"""What is wrong with a document, and where."""

from __future__ import annotations

from typing import Any

from campaigns.core.errors import Invalid
from campaigns.core.i18n import _

LONGEST_PATH = 200


class DocumentError(Invalid):
    """A document that is refused: `path` like "content[3].attrs.level" (empty for all of it), and `reason`."""

    def __init__(self, path: str, reason: Any) -> None:
        path = path[:LONGEST_PATH]
        message = _("%(path)s: %(reason)s", path=path, reason=reason) if path else reason
        super().__init__(message, field="written")
        self.path = path
        self.reason = reason
