"""What `up` holds of memory while nobody asks anything of it: each process's share, and all together.

`python -m bench.at_rest [--seconds 20]`: PSS, in which pages that several processes share are counted once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench import usage
from tests.running import Running


def main() -> None:
    """Start everything on an empty folder, wait, and print a line for each process."""
    parser = argparse.ArgumentParser(prog="python -m bench.at_rest", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    with (
        tempfile.TemporaryDirectory(prefix="columba-bench-") as folder,
        Running(Path(folder), workers=2) as site,
    ):
        time.sleep(seconds)
        for name, mib in usage.family_by_name(site.process.pid):
            sys.stdout.write(f"{mib:>8.1f} MiB  {name}\n")
        sys.stdout.write(f"{usage.family_pss_mib(site.process.pid):>8.1f} MiB  in all\n")


if __name__ == "__main__":
    main()
