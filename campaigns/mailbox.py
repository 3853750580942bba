"""The test inbox's process, `python -m campaigns.mailbox`."""

from __future__ import annotations

from campaigns import process
from campaigns.core import config
from campaigns.practice import server


def main() -> None:
    """Run the test inbox until a stop signal; exits with a sentence if that is not possible."""
    process.serve(lambda: server.run(config.current(), process.stop_on_signal()))


if __name__ == "__main__":
    main()
