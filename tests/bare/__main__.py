"""`make bare`: README's two commands on a minimal Debian 12 that is made for it, and gone afterwards.

Exit code 1 with a sentence when README's promise does not hold, or no bare machine can be made here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from tests.bare import machine, registries
from tests.bare.broken import Broken
from tests.bare.stranger import ROOT


def main(*arguments: str) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    try:
        machine.require_means()
        code = run(arguments)
    except Broken as error:
        print(f"Broken: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; nothing is left of the bare machine.", file=sys.stderr)
        return 130
    print(f"\n{'Broken' if code else 'All well'} after {time.monotonic() - started:.0f} s.", flush=True)
    return code


def run(arguments: tuple[str, ...]) -> int:
    """Clone what is committed into a bare machine, and let the stranger in."""
    if subprocess.run(["git", "diff", "--quiet", "HEAD"], cwd=ROOT, check=False).returncode:
        print("What is not committed is not tried.", flush=True)
    with machine.bare_machine() as root:
        machine.clone(ROOT, root / "root/columba")
        print(f"README's commands on a bare {machine.NAME}:", flush=True)
        stranger = ("python3", "-m", "tests.bare.stranger", *arguments)
        return machine.inside(root, "/root/columba", *stranger, environ=registries.environ(os.environ))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
