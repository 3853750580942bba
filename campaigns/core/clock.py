"""The clock. Requests, jobs and commands read it and pass the time on; services and pure code do not."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def boot_seconds() -> float:
    """Seconds since boot, including time asleep, so that leases also end while a machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def zone(name: str | None) -> ZoneInfo:
    """The time zone with this name; UTC for None or an unknown name."""
    if name and name in zone_names():
        return ZoneInfo(name)
    return ZoneInfo("UTC")


def zone_names() -> list[str]:
    """The names of all time zones that can be chosen, sorted."""
    global _zones
    if not _zones:
        _zones = sorted(name for name in available_timezones() if "/" in name or name == "UTC")
    return _zones


_zones: list[str] = []
