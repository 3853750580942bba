"""What ways back cost a mail: CPU and bytes with a bounce address of its own, beside the sender's.

`python -m bench.ways` composes each mail and makes its envelope's lines, as a lane does, in turns of 16 of each
kind, so that whatever else runs on the machine slows all alike. A round's figure is its median turn, and the
result is the median of the rounds. `--json` prints one object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import replace
from datetime import UTC, datetime

from bench.dkim import ROUNDS, SOURCE, turns
from campaigns.content.compiled.compiling import compile_content
from campaigns.delivery.ledger.batches import Claim
from campaigns.delivery.ledger.outcomes import Facts
from campaigns.delivery.sender.composer import Content
from campaigns.delivery.sender.store import Copy
from campaigns.mail.envelope import Envelope
from campaigns.mail.envelope_commands import envelope_lines
from campaigns.mail.protocol import Capabilities

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
OFFERED = Capabilities.parse("mx.example.org\nPIPELINING\nCHUNKING\nSIZE 52428800\nDSN\n8BITMIME")
FIRST = 1_000_000  # the id of a delivery
CLAIM = Claim(batch_id=1, campaign_id=1, wave=1, number=0, fence=1)
WAYS = {"plain": "", "plus": "bounce@example.com", "subdomain": "@bounce.example.com"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=1600, help="of each kind and round")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    works = {name: composing(content(address)) for name, address in WAYS.items()}
    rounds = [turns(works, chosen.messages) for _round in range(ROUNDS)]
    figures: dict[str, float] = {}
    for name, work in works.items():
        figures[f"{name}_us"] = statistics.median(1e6 / each[name] for each in rounds)
        figures[f"{name}_bytes"] = sum(map(len, work(range(100)))) / 100
        figures[f"{name}_ratio"] = statistics.median(each["plain"] / each[name] for each in rounds)
    rounded = {name: round(value, 3) for name, value in figures.items()}
    if chosen.json:
        sys.stdout.write(json.dumps(rounded) + "\n")
        return
    for name, value in rounded.items():
        sys.stdout.write(f"{name:>16} {value:>10,.2f}\n")


def content(bounce_address: str) -> Content:
    """A campaign's content from a sender with that bounce address."""
    domain = bounce_address.rpartition("@")[2] or None
    source = replace(SOURCE, unsubscribe_domain=domain, feedback_id="c1:0123456789ab:columbaabcdefgh")
    return Content(
        campaign_id=1,
        compiled=compile_content(source),
        key=bytes(32),
        from_email=source.from_address,
        bounce_address=bounce_address,
        language="en",
    )


def composing(content: Content):
    """What a lane does for each mail: the bytes that go to the server."""

    def work(numbers: range) -> list[bytes]:
        copies = [copy_for(number) for number in numbers]
        found = []
        for copy, mail in zip(copies, content.compose(copies), strict=True):
            assert isinstance(mail, bytes)
            mail_from, name = content.ways_back(copy.facts.delivery_id)
            envelope = Envelope(copy.facts.delivery_id, mail_from, copy.email, mail, name)
            found.append(b"".join(envelope_lines(envelope, OFFERED)) + mail)
        return found

    return work


def copy_for(number: int) -> Copy:
    facts = Facts(FIRST + number, 1, 0, 0, NOON)
    return Copy(facts, CLAIM, number, f"person{number}@example.org", {"first_name": f"Ada {number}"})


if __name__ == "__main__":
    main()
