"""CPU time and memory of processes, from /proc: what each part of a measurement costs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(root: int | None) -> float:
    """Seconds of CPU that a process and its descendants have used, ended children included."""
    return sum(map(_cpu_s, _family(root))) if root else 0.0


def peak_mib(pid: int) -> float:
    """The peak of a process's resident memory so far, in MiB; 0 when it is gone."""
    return _number(pid, "VmHWM:") / 1024


def resident_mib(pid: int) -> float:
    """A process's resident memory now, in MiB; 0 when it is gone."""
    return _number(pid, "VmRSS:") / 1024


def family_pss_mib(root: int) -> float:
    """What a process and its descendants hold of memory together, pages that several share counted once."""
    return sum(_pss_kib(pid) for pid in _family(root)) / 1024


def family_by_name(root: int) -> list[tuple[str, float]]:
    """The same for each process of them: its command, and its share in MiB."""
    return [(_command(pid), _pss_kib(pid) / 1024) for pid in _family(root)]


def _command(pid: int) -> str:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "(gone)"
    return line.replace(b"\0", b" ").decode(errors="replace").strip()[:80]


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _family(root: int) -> list[int]:
    parents = dict(_parents())
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                yield int(folder.name), int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS_PER_S


def _number(pid: int, name: str) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith(name)), 0)
