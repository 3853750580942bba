"""A mail worker's process, `python -m campaigns.reader`."""

from __future__ import annotations

from campaigns import process
from campaigns.inbound.worker import run_worker


def main() -> None:
    """Read mailboxes until a stop signal; exits with a sentence if that is not possible."""
    process.serve(run_worker)


if __name__ == "__main__":
    main()
