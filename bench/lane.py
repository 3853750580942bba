"""One worker's work without an end to its time, as a process of its own: `python -m bench.lane CAMPAIGN`.

It imports what a worker imports and nothing else, so that its memory is a worker's.
"""

from __future__ import annotations

import sys
from pathlib import Path

from campaigns import bootstrap
from campaigns.core import app_worker
from campaigns.delivery.sender import lane_runner
from campaigns.delivery.sender.lane import Timing

if __name__ == "__main__":
    app = bootstrap.without_pages()
    with app.app_context():
        app_worker.save_memory()
        Path("/proc/self/clear_refs").write_text(
            "5"
        )  # the peak counts from here: compiling modules is no sending
        lane_runner.send(int(sys.argv[1]), timing=Timing(budget_s=3600))
