"""`python -m tests.faults.lanes CAMPAIGN NUMBER`: that many lanes of a campaign at once, one per process."""

from __future__ import annotations

import os
import sys

from campaigns import create_app
from campaigns.core.db import db
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.timing import End
from tests.faults.units import die_with_parent


def main() -> None:
    campaign_id, number = int(sys.argv[1]), int(sys.argv[2])
    app = create_app()
    children = []
    for _lane in range(number):
        pid = os.fork()
        if not pid:
            die_with_parent()
            with app.app_context():
                db.engine.dispose(close=False)
                while lane_runner.send(campaign_id) is End.MORE:
                    db.session.remove()
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
