"""Which functions a worker may run, and the queue in which they are asked for."""

from __future__ import annotations

QUEUE = "columba"

# Every function a worker may run. A test asks that each exists and is enqueued somewhere.
JOBS = frozenset(
    {
        "campaigns.audience.jobs.run_import",
        "campaigns.delivery.jobs.look_up_receivers",
        "campaigns.delivery.jobs.probe",
        "campaigns.delivery.jobs.release_receiver",
        "campaigns.delivery.jobs.send",
        "campaigns.notices.jobs.send_notice",
    }
)


class RefusedJob(Exception):
    """A job in Redis asks for something that is none of ours."""
