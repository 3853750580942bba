"""What an attachment costs a mail: CPU of composing with 200 KB of files, beside the same mail without.

`python -m bench.attachments` composes in turns of 16 of each kind, as `bench.ways` does. A file is encoded when the
content is compiled; a copy joins its bytes. `--json` prints one object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import replace

from bench.dkim import ROUNDS, turns
from bench.ways import content, copy_for
from campaigns.content.compiled.compiling import compile_content
from campaigns.delivery.sender.composer import Content
from campaigns.mail.mime.parts import Part

FILE = Part("programme.pdf", "application/pdf", os.urandom(200 * 1024))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=800, help="of each kind and round")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    plain = content("")
    began = time.process_time()
    compiled = compile_content(replace(plain.compiled.source, parts=(FILE,)))
    once = time.process_time() - began
    whole = replace(plain, compiled=compiled)
    size = len(whole.compose([copy_for(1)])[0])
    works = {"without": bare(plain), "with": bare(whole), "copying": copying(size)}
    rounds = [turns(works, chosen.messages) for _round in range(ROUNDS)]
    figures = {f"{name}_us": statistics.median(1e6 / each[name] for each in rounds) for name in works}
    figures["compiled_once_ms"] = once * 1e3
    figures["more_than_copying_us"] = figures["with_us"] - figures["without_us"] - figures["copying_us"]
    rounded = {name: round(value, 1) for name, value in figures.items()}
    if chosen.json:
        sys.stdout.write(json.dumps(rounded) + "\n")
        return
    for name, value in rounded.items():
        sys.stdout.write(f"{name:>22} {value:>10,.1f}\n")


def bare(content: Content):
    """The bytes of each mail, as a lane composes them."""
    return lambda numbers: content.compose([copy_for(number) for number in numbers])


def copying(size: int):
    """What it costs to write that many bytes once into memory of their own."""
    given = bytes(size)
    return lambda numbers: [b"".join((given[:1], given)) for _number in numbers]


if __name__ == "__main__":
    main()
