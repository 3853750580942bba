"""Messages signed per second of one core, beside what the bare private key can do.

`python -m bench.dkim` prints a table, `--json` one object. A message is composed for its recipient and signed
whole, as many at once as a lane does. Time is the process's own CPU time. All take turns of 16 messages, so that
whatever else runs on the machine slows them alike; a round's figure is its median turn, and the table's the median of
five rounds. `RSA_IN_EIGHTS=0`: by OpenSSL alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from bench.content import HTML, SUBJECT, TEXT
from campaigns.content.compiled.compiling import Recipient, Source, compile_content
from campaigns.delivery.sender.lane import COMPOSED_AT_ONCE
from campaigns.mail import dkim, dkim_keys, rsa_batch
from campaigns.mail.dkim_records import Algorithm

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DIGEST = hashlib.sha256(b"").digest()
ROUNDS = 5
TURN = COMPOSED_AT_ONCE
IN_EIGHTS = os.environ.get("RSA_IN_EIGHTS") != "0"
AT_LEAST = 0.7  # of the bare RSA key's rate
Work = Callable[[range], object]
SOURCE = Source(
    subject=SUBJECT,
    html=HTML,
    text=TEXT,
    from_name="The Pigeon Post",
    from_address="news@example.com",
    reply_to="answers@example.com",
    list_id="pigeons.example.com",
    list_name="Pigeons",
    public_url="https://mail.example.com",
    message_id_domain="example.com",
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=300, help="of each kind and round")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    rates = measured(chosen.messages)
    share = rates["rsa"] / rates["bare_rsa"]
    figures = {
        **rates,
        "rsa_share": share,
        "at_least": AT_LEAST,
        "in_eights": IN_EIGHTS and rsa_batch.is_usable(),
    }
    if chosen.json:
        sys.stdout.write(json.dumps({name: round(value, 3) for name, value in figures.items()}) + "\n")
        return
    for name, rate in rates.items():
        sys.stdout.write(f"{name:>14} {rate:>10,.0f} a second\n")
    sys.stdout.write(f"{'in eights':>14} {'yes' if figures['in_eights'] else 'no':>10}\n")
    sys.stdout.write(f"{'RSA share':>14} {figures['rsa_share']:>10.0%} (at least {AT_LEAST:.0%})\n")


def measured(messages: int) -> dict[str, float]:
    """Per second of CPU: bare signatures, and whole messages by what signs them."""
    rsa, ed25519 = (dkim_keys.generate(each) for each in (Algorithm.RSA, Algorithm.ED25519))
    one, two = dkim.Key("example.com", "r", rsa), dkim.Key("example.com", "e", ed25519)
    works: dict[str, Work] = {
        "bare_rsa": bare(rsa),
        "bare_ed25519": bare(ed25519),
        "unsigned": composing(None),
        "rsa": composing(dkim.Signer([one], in_eights=IN_EIGHTS)),
        "ed25519": composing(dkim.Signer([two])),
        "both": composing(dkim.Signer([one, two], in_eights=IN_EIGHTS)),
    }
    rounds = [turns(works, messages) for _round in range(ROUNDS)]
    return {name: statistics.median(each[name] for each in rounds) for name in works}


def bare(key: dkim.PrivateKey) -> Work:
    """OpenSSL's signatures, one after the other, and nothing else."""
    if isinstance(key, RSAPrivateKey):
        return lambda numbers: rsa_batch.one_by_one(key, [DIGEST] * len(numbers))
    return lambda numbers: [key.sign(DIGEST) for _number in numbers]


def composing(signer: dkim.Signer | None) -> Work:
    """Recipients' copies from compiled content, as the engine makes them."""
    compiled = compile_content(SOURCE)

    def work(numbers: range) -> object:
        mails = [compiled.compose(recipient(number)) for number in numbers]
        return signer.signed(mails, [NOON] * len(mails)) if signer else mails

    return work


def recipient(number: int) -> Recipient:
    return Recipient(
        to_name="",
        to_address=f"person{number}@example.org",
        values={"email": f"person{number}@example.org", "first_name": f"Ada {number}"},
        message_id=f"<{number:032x}@example.com>",
        date=NOON,
        track_token=f"{number:x}-{'0' * 32}",
        unsubscribe_token=f"{number:x}-{'1' * 32}",
        view_token=f"{number:x}-{'2' * 32}",
    )


def turns(works: dict[str, Work], messages: int) -> dict[str, float]:
    """How often a second of this process's CPU time does each, in the median turn."""
    rates: dict[str, list[float]] = {name: [] for name in works}
    for first in range(0, messages, TURN):
        for name, work in works.items():
            began = time.process_time()
            work(range(first, first + TURN))
            rates[name].append(TURN / (time.process_time() - began))
    return {name: statistics.median(found) for name, found in rates.items()}


if __name__ == "__main__":
    main()
