"""Guesses the columns of a file by heading and content; operators can correct the guess."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.audience import values
from campaigns.audience.imports.files import peers
from campaigns.audience.imports.files.peers import BOUNCED, IGNORE, LEFT, STATUS
from campaigns.audience.models import Field, FieldKind
from campaigns.core import addresses
from campaigns.core.errors import Invalid

EMAIL = "email"
STANDINGS = (STATUS, LEFT, BOUNCED)
NEW = "new"  # a text field to be created; no field's key contains a colon
NEW_OF = {
    FieldKind.TEXT: NEW,
    FieldKind.NUMBER: "new:number",
    FieldKind.DATE: "new:date",
    FieldKind.YES_NO: "new:yes_no",
    FieldKind.URL: "new:url",
}
KIND_OF_NEW = {target: kind for kind, target in NEW_OF.items()}
# What commands call a target that is no field.
SPOKEN = {
    "email": EMAIL,
    "ignore": IGNORE,
    "status": STATUS,
    "unsubscribed": LEFT,
    "bounced": BOUNCED,
    **{target: target for target in NEW_OF.values()},
}
REPEATABLE = (IGNORE, *NEW_OF.values())  # targets that several columns may have
LEAST_CELLS = 3  # cells needed to guess a kind
# Columns that our own export adds after the fields.
REJECTED = ("columba_line", "columba_reason")  # columns added to rejected rows; skipped on import
EXPORTED = ("status", "origin", "created_at", "changed_at")
_EMAIL_HEADINGS = frozenset(
    {"email", "e_mail", "mail", "email_address", "e_mail_address", "emailaddress", "mail_address"}
    | {"adresse_e_mail", "e_mail_adresse", "correo", "correo_electronico", "courriel"}
    | {"邮箱", "电子邮件", "电子邮箱", "邮件地址", "メールアドレス"}
)


def guess(
    columns: Sequence[str],
    samples: Sequence[Sequence[str]],
    fields: Sequence[Field],
    *,
    with_kinds: bool = False,
) -> list[str]:
    """A target for each column: `email`, a field's key, a new field (`NEW_OF`), a standing or `ignore`.

    `with_kinds`: new fields get the kind of their values. Only when an operator reviews it, because a row
    with any other value is rejected.
    """
    email = email_column(columns, samples)
    is_ours = set(EXPORTED) <= set(columns)
    peer = peers.peer_of(columns)
    by_name = {values.slug(name): field.key for field in fields for name in (field.label, field.key)}
    targets: list[str] = []
    for at, heading in enumerate(columns):
        if at == email:
            target = EMAIL
        elif not _has_content(samples, at, heading, email) or heading in REJECTED:
            target = IGNORE
        elif is_ours and heading in EXPORTED:
            target = STATUS if heading == "status" else IGNORE
        else:
            theirs = _of_peer(heading, peer, _cells(samples, at), fields)
            ours = by_name.get(values.slug(heading)) or _known(values.meant(heading), fields)
            target = theirs if theirs in STANDINGS else ours or theirs
        if target in STANDINGS and target in targets:
            target = IGNORE
        if not target or (target != IGNORE and target in targets):  # each field only once
            target = NEW_OF[kind_of(samples, at) if with_kinds else FieldKind.TEXT]
        targets.append(target)
    return targets


def email_column(columns: Sequence[str], samples: Sequence[Sequence[str]]) -> int | None:
    """The index of the column with email addresses; None without one."""
    best: tuple[float, int] | None = None
    for at, heading in enumerate(columns):
        score = _share_of_addresses(samples, at) + (0.6 if values.slug(heading) in _EMAIL_HEADINGS else 0)
        if score > 0.3 and (best is None or score > best[0]):
            best = (score, at)
    return best[1] if best else None


def kind_of(samples: Sequence[Sequence[str]], at: int) -> FieldKind:
    """The kind that all values of a column share. Numbers starting with 0 or + (phone, postcode) are text."""
    cells = _cells(samples, at)
    if len(cells) < LEAST_CELLS:
        return FieldKind.TEXT
    if _all_are(cells, FieldKind.DATE):
        return FieldKind.DATE
    if all(_is(cell, FieldKind.NUMBER) and not _is_code(cell) for cell in cells):
        return FieldKind.NUMBER
    return next((kind for kind in (FieldKind.YES_NO, FieldKind.URL) if _all_are(cells, kind)), FieldKind.TEXT)


def _all_are(cells: Sequence[str], kind: FieldKind) -> bool:
    return all(_is(cell, kind) for cell in cells)


def _is(cell: str, kind: FieldKind) -> bool:
    try:
        values.parse(cell, kind=kind, key="")
    except Invalid:
        return False
    return True


def _is_code(cell: str) -> bool:
    return cell.startswith("+") or (len(cell) > 1 and cell[0] == "0" and cell[1].isdigit()) or len(cell) > 10


def _of_peer(heading: str, peer: str | None, cells: Sequence[str], fields: Sequence[Field]) -> str:
    target = peers.target_of(heading, peer, cells)
    if target is None or target in (*STANDINGS, IGNORE):
        return target or ""
    return _known(target, fields) or ""


def _cells(samples: Sequence[Sequence[str]], at: int) -> list[str]:
    return [row[at].strip() for row in samples if len(row) > at and row[at].strip()]


def _known(key: str, fields: Sequence[Field]) -> str | None:
    return next((field.key for field in fields if field.key == key), None)


def _share_of_addresses(samples: Sequence[Sequence[str]], at: int) -> float:
    cells = _cells(samples, at)
    return sum(map(_is_address, cells)) / len(cells) if cells else 0.0


def _is_address(text: str) -> bool:
    try:
        addresses.clean(text)
    except ValueError:
        return False
    return True


def _has_content(samples: Sequence[Sequence[str]], at: int, heading: str, email: int | None) -> bool:
    """A column without a heading counts only if a sample has a value."""
    is_named = heading != f"Column {at + 1}"
    return is_named or any(len(row) > at and row[at].strip() for row in samples)
