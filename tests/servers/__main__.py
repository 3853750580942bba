"""`python -m tests.servers [debian]`: fetch the servers that are not here yet, and say which can't be had, and why."""

from __future__ import annotations

import sys

from tests.servers.cache import Unfetched
from tests.servers.fleet import DEBIAN, MAILBOXES, OTHERS
from tests.servers.s3 import S3Server


def main(*words: str) -> None:
    for server in (*DEBIAN, *MAILBOXES, S3Server, *(() if "debian" in words else OTHERS)):
        try:
            if server.fetch():
                print(f"Fetched {server.name} for the tests")
        except Unfetched as error:
            print(f"Tests over {server.name} will be skipped: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
