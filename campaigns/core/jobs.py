"""Which functions a worker may run, and the queues in which they are asked for."""

from __future__ import annotations

QUEUE = "columba"
# Of its own, for its workers wait for other people's servers.
MAIL_QUEUE = "columba-mail"

# Every function a worker may run. A test asks that each exists and is enqueued somewhere.
JOBS = frozenset(
    {
        "campaigns.audience.jobs.run_import",
        "campaigns.delivery.jobs.look_up_receivers",
        "campaigns.delivery.jobs.probe",
        "campaigns.delivery.jobs.release_receiver",
        "campaigns.delivery.jobs.send",
        "campaigns.inbound.jobs.handle_message",
        "campaigns.inbound.jobs.read_mailbox",
        "campaigns.inbound.jobs.run_rule",
        "campaigns.inbound.jobs.read_practice",
        "campaigns.inbound.hooks.jobs.apply_events",
        "campaigns.inbound.hooks.jobs.tell_of_alerts",
        "campaigns.notices.jobs.send_notice",
    }
)


def queue_of(job: str) -> str:
    """The queue in which a job is asked for."""
    return MAIL_QUEUE if job.startswith("campaigns.inbound.") else QUEUE


class RefusedJob(Exception):
    """A job in Redis asks for something that is none of ours."""
