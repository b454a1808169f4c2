"""What ``/proc`` says of a process (proc(5)): its children, its memory, its CPU time, its descriptors."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

RESET_PEAK = "5"
_TICK = 1 / os.sysconf("SC_CLK_TCK")


def children(pid: int, name: str = "") -> list[int]:
    """The process ids of a process's children; with ``name``: of those whose name holds it."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if name in name_of(child)]


def family(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(each for child in children(pid) for each in family(child))]


def memory_of(pid: int, field: str) -> float:
    """Return a figure of ``/proc/PID/status`` in bytes."""
    return _figure(Path(f"/proc/{pid}/status"), field)


def share_of(pid: int) -> float:
    """Return the memory of a process in bytes, its share of what others have mapped as well (PSS)."""
    return _figure(Path(f"/proc/{pid}/smaps_rollup"), "Pss")


def reset_peak(pid: int) -> None:
    """Have the highest resident set of a process counted from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)


def cpu_of(pids: Iterable[int]) -> float:
    """Return the CPU seconds of processes, with those of their children that have ended."""
    return sum(_cpu(pid) for pid in pids)


def descriptors_of(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def _figure(path: Path, field: str) -> float:
    lines = path.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def _cpu(pid: int) -> float:
    # The name may hold blanks; it ends at the last bracket, and utime is the twelfth field behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) * _TICK


def name_of(pid: int | str) -> str:
    """Return what ``ps`` calls a process; empty: it is gone."""
    with suppress(OSError):  # gone meanwhile
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
