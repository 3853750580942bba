"""Files that go with emails, as they are kept: what is refused, and their bytes, once for all who attach them."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from campaigns.core.db import db
from campaigns.core.dialect import insert
from campaigns.core.errors import Invalid
from campaigns.core.i18n import _
from campaigns.mail.mime import parts
from campaigns.mail.mime.parts import LARGEST_TOTAL
from campaigns.planning.attachments.models import Attachment, FileBlob, TemplateFile

MOST_FILES = 20
# What receivers refuse, whatever it is packed in (support.google.com/mail/answer/6590).
REFUSED = frozenset(
    [
        *("ade", "adp", "apk", "appx", "bat", "cab", "chm", "cmd", "com", "cpl", "dll", "dmg", "exe", "hta"),
        *("ins", "iso", "isp", "jar", "js", "jse", "lib", "lnk", "mde", "msc", "msi", "msix", "msp", "mst"),
        *(
            "nsh",
            "pif",
            "ps1",
            "scr",
            "sct",
            "shb",
            "sys",
            "vb",
            "vbe",
            "vbs",
            "vhd",
            "vxd",
            "wsc",
            "wsf",
            "wsh",
        ),
    ]
)


class Sized(Protocol):
    """A file that is kept."""

    size: Any


def keep(name: str, data: bytes, *, others: Sequence[Sized]) -> dict[str, Any]:
    """Store a file's bytes; the columns of its row beside these others. Raises Invalid(field="file")."""
    if "{{" in name or "{%" in name:
        raise Invalid(
            _("Attachments are the same for everyone: a file name can't contain merge tags."), field="file"
        )
    kept = parts.clean_name(name)
    _check(kept, data, others)
    digest = hashlib.sha256(data).hexdigest()
    db.session.execute(insert(FileBlob).values(sha256=digest, data=data).on_conflict_do_nothing())
    kind = mimetypes.guess_type(kept)[0] or parts.OTHER
    return {"name": kept, "kind": kind, "size": len(data), "sha256": digest}


def drop_unused(digests: Sequence[str]) -> None:
    """Delete the bytes of those files that nothing attaches any more."""
    if not digests:
        return
    used = (sa.exists().where(model.sha256 == FileBlob.sha256) for model in (Attachment, TemplateFile))
    db.session.execute(
        sa.delete(FileBlob)
        .where(FileBlob.sha256.in_(digests), *(~each for each in used))
        .execution_options(synchronize_session=False)
    )


def _check(name: str, data: bytes, others: Sequence[Sized]) -> None:
    if not data:
        raise Invalid(_("“%(name)s” is empty.", name=name), field="file")
    ending = name.rpartition(".")[2].lower()
    if ending in REFUSED or data[:2] == b"MZ":
        raise Invalid(_("“%(name)s” is a program. Email servers refuse it.", name=name), field="file")
    if len(others) >= MOST_FILES:
        raise Invalid(_("Attach at most %(number)d files.", number=MOST_FILES), field="file")
    if sum(each.size for each in others) + len(data) > LARGEST_TOTAL:
        raise Invalid(_("Attachments can have at most 10 MB together. Link to larger files."), field="file")
