"""How many messages one core classifies in a second: `python -m bench.inbound_verdicts [ROUNDS]`.

The samples of the tests in turn, each as often; the target is 10,000 well within 60 s on two cores.
"""

from __future__ import annotations

import sys
import time

from campaigns.inbound.verdicts.classify import classify
from tests.inbound.samples import samples


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    raws = [sample.raw for sample in samples()]
    first = time.process_time()
    classify(raws[0])
    begun = time.process_time()
    for _round in range(rounds):
        for raw in raws:
            classify(raw)
    taken = time.process_time() - begun
    number = rounds * len(raws)
    print(f"first message, with the tables: {begun - first:.2f} s of processor time")
    print(f"{number} messages in {taken:.1f} s of processor time: {number / taken:.0f} a second on one core")
    print(f"10,000 messages: {taken / number * 10_000:.1f} s on one core")


if __name__ == "__main__":
    main()
