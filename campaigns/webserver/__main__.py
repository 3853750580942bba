"""`python -m campaigns.webserver`: the pages, on this host and port."""

from __future__ import annotations

import argparse
import gc
import logging
import sys

from campaigns.webserver import server
from campaigns.webserver.limits import Limits


def main() -> None:
    """Load the app once, then serve it in the requested number of processes."""
    asked = _arguments()
    from campaigns import create_app
    from campaigns.core.config import ConfigError
    from campaigns.core.db import db

    try:
        app = create_app()
        listener = server.listen(asked.host, asked.port)
    except (ConfigError, OSError) as error:
        sys.exit(f"Error: {error}")
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # malformed requests fill no log
    with app.app_context():
        db.engine.dispose()  # a fork must not share connections
    folder = app.extensions["columba"].run_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    gc.collect()
    gc.freeze()

    def work() -> None:
        server.serve(app, listener, Limits(), folder)

    if asked.processes == 1:
        work()
    else:
        server.fork(asked.processes, work)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m campaigns.webserver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--processes", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
