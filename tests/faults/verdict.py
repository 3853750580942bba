"""What must hold after every fault, as a pure comparison of the ledger with the sink's record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from campaigns.delivery.models import State
from tests.faults.sink import Receipt

MOST_COPIES = 2
UNDOUBTED = "got two copies and the ledger knows of no doubt"


@dataclass(frozen=True, slots=True)
class Row:
    """A recipient in the ledger."""

    address: str
    state: State
    doubts: int = 0
    reason: str = ""


@dataclass
class Findings:
    """The effects of a fault. `problems`: broken promises, in words."""

    lost: int = 0
    duplicates: int = 0
    unknown: int = 0
    problems: list[str] = field(default_factory=list)


def examine(
    rows: Sequence[Row],
    receipts: Sequence[Receipt],
    *,
    wanted: Collection[str],
    refused: Collection[str] = (),
    bound: int = 0,
    in_doubt: int | None = None,
    is_over: bool = True,
    knows_all: bool = True,
) -> Findings:
    """Compare both sides. `wanted`: who should get the message; `bound`: most messages that the fault may
    leave in doubt (each a second copy or an unknown outcome), 0 for one that never cuts off after a final
    dot; `in_doubt`: most unknown outcomes, if it cuts off after the dot without accepting, so that there is
    no copy; `is_over`: the campaign is over, so no one may wait any more; `knows_all`: False after a backup
    was restored, because the ledger does not know of copies sent after it was made.
    """
    copies = Counter(each.address for each in receipts)
    findings = Findings(duplicates=sum(copies.values()) - len(copies))
    findings.unknown = sum(row.state is State.UNKNOWN for row in rows)
    problems = findings.problems
    problems += _of_the_whole(rows, copies, set(wanted), is_over=is_over)
    missing = set(wanted) - {row.address for row in rows}
    lost = [row.address for row in rows if _is_lost(row, copies[row.address], is_over=is_over)]
    findings.lost = len(missing) + len(lost)
    problems += _some("is lost", [*sorted(missing), *lost])
    for fault, addresses in _disagreements(rows, copies, set(refused)):
        if knows_all or fault != UNDOUBTED:
            problems += _some(fault, addresses)
    problems += _some(
        f"has more than {MOST_COPIES} copies", [a for a, n in copies.items() if n > MOST_COPIES]
    )
    problems += _some("changed its Message-ID", _with_two_names(receipts))
    if findings.duplicates > bound:
        problems.append(f"{findings.duplicates} duplicates, at most {bound} were allowed")
    most = bound if in_doubt is None else in_doubt
    if findings.unknown > most:
        problems.append(f"{findings.unknown} ended unknown, at most {most} may be in doubt")
    return findings


def _of_the_whole(rows: Sequence[Row], copies: Counter[str], wanted: set[str], *, is_over: bool) -> list[str]:
    problems = []
    if len(rows) != len(wanted):
        problems.append(f"the states add up to {len(rows)}, the audience is {len(wanted)}")
    twice = [address for address, number in Counter(row.address for row in rows).items() if number > 1]
    problems += _some("has two rows", twice)
    problems += _some("got it uninvited", sorted(set(copies) - wanted))
    if is_over:
        problems += _some("still waits", [row.address for row in rows if not row.state.is_final])
    problems += _some(
        "is marked sending while nobody sends", [r.address for r in rows if r.state is State.SENDING]
    )
    return problems


def _is_lost(row: Row, number: int, *, is_over: bool) -> bool:
    """No one got it, and the ledger says otherwise or nothing."""
    if number:
        return False
    return row.state is State.SENT or (is_over and not row.state.is_final)


def _disagreements(
    rows: Sequence[Row], copies: Counter[str], refused: set[str]
) -> Iterable[tuple[str, list[str]]]:
    def those(condition: Iterable[tuple[Row, bool]]) -> list[str]:
        return [row.address for row, holds in condition if holds]

    unsent = (State.PENDING, State.DEFERRED, State.SKIPPED, State.CANCELLED, State.FAILED, State.EXPIRED)
    yield (
        "is not sent by the ledger, without a doubt, and got it",
        those((r, r.state in unsent and copies[r.address] > 0 and not r.doubts) for r in rows),
    )
    yield (
        "failed by the ledger and was never refused",
        those((r, r.state is State.FAILED and r.address not in refused) for r in rows),
    )
    yield (
        "is unknown without a doubt",
        those((r, r.state is State.UNKNOWN and not r.doubts) for r in rows),
    )
    yield (
        UNDOUBTED,
        those((r, copies[r.address] > 1 and not r.doubts) for r in rows),
    )


def _with_two_names(receipts: Sequence[Receipt]) -> list[str]:
    names: dict[str, set[str]] = {}
    for each in receipts:
        names.setdefault(each.address, set()).add(each.message_id)
    return [address for address, found in names.items() if len(found) > 1]


def _some(fault: str, addresses: Sequence[str]) -> list[str]:
    """One line for all of them, naming the first few."""
    if not addresses:
        return []
    more = f" and {len(addresses) - 3} others" if len(addresses) > 3 else ""
    return [f"{', '.join(addresses[:3])}{more}: {fault}"]
