"""The dispatcher's process, `python -m campaigns.dispatcher`."""

from __future__ import annotations

from campaigns import process
from campaigns.delivery.dispatch import dispatcher


def main() -> None:
    """Run the dispatcher until a stop signal; exits with a sentence if that is not possible."""
    process.serve(lambda: dispatcher.run(process.stop_on_signal()))


if __name__ == "__main__":
    main()
