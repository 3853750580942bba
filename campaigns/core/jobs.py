"""The functions that workers may run, and their queues."""

from __future__ import annotations

QUEUE = "columba"
# A separate queue, because its workers wait for servers of others.
MAIL_QUEUE = "columba-mail"

# All functions that a worker may run. A test checks that each exists and is enqueued somewhere.
JOBS = frozenset(
    {
        "campaigns.audience.bulk.jobs.run_bulk_act",
        "campaigns.audience.exporting.jobs.run_export",
        "campaigns.audience.imports.jobs.run_import",
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
    """The name of a job's queue."""
    return MAIL_QUEUE if job.startswith("campaigns.inbound.") else QUEUE


class RefusedJob(Exception):
    """A job in Redis names a function that is not in JOBS."""
