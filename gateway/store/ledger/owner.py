"""Who holds something in the store: a process, named so that the others can tell whether it still runs.

A process id alone would come again; its id and its start time together name one process of a host (proc(5)).
"""

import os
import socket
from pathlib import Path

_START_FIELD = 22  # proc(5), /proc/PID/stat: starttime, in clock ticks since boot


def this_owner() -> str:
    """Return what names this process among all processes of all hosts: ``host/pid/start``."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{pid}/{_start(pid)}"


def has_ended(owner: str, here: str) -> bool | None:
    """Return whether that process is no more; None: it is of another host than ``here``, so nobody can tell."""
    host, pid, start = owner.split("/")
    if host != here.split("/")[0]:
        return None
    return start != _start(int(pid))


def _start(pid: int) -> str:
    """When the process was started, in ticks since its host's boot; empty: there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    fields = stat.rpartition(b")")[2].split()  # from the third on; the name before ")" may hold anything
    return "" if fields[0] in b"ZX" else fields[_START_FIELD - 3].decode()
