"""The time. Doors ask for it and pass it in; nothing inside looks at a clock by itself."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


def boot_seconds() -> float:
    """Seconds that go on while the machine sleeps: a lease ends also for who was frozen."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def zone(name: str | None) -> ZoneInfo:
    """The time zone of that name; UTC for none or an unknown one."""
    if name and name in zone_names():
        return ZoneInfo(name)
    return ZoneInfo("UTC")


def zone_names() -> list[str]:
    """Every zone an operator may choose, sorted."""
    global _zones
    if not _zones:
        _zones = sorted(name for name in available_timezones() if "/" in name or name == "UTC")
    return _zones


_zones: list[str] = []
