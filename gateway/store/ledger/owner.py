"""Who holds something in the store: a process, named so that the others can tell whether it still runs.

A process id alone would come again; its id and its start time together name one process of a host (proc(5)). What
another host's process holds is judged by the beats of its gateway, which stands in the name (``gateways.fate``).
"""

import os
import socket
from pathlib import Path

_START_FIELD = 22  # proc(5), /proc/PID/stat: starttime, in clock ticks since boot


def this_owner(gateway: str = "") -> str:
    """Return what names this process among all processes of all hosts: ``host:gateway/pid/start``.

    Where it belongs to no gateway: ``host/pid/start``, as a version that does not beat writes it.
    """
    pid = os.getpid()
    host = socket.gethostname()
    return f"{host}:{gateway}/{pid}/{_start(pid)}" if gateway else f"{host}/{pid}/{_start(pid)}"


def host_of(owner: str) -> str:
    """Return the host of a process."""
    return owner.split("/")[0].partition(":")[0]


def gateway_of(owner: str) -> str:
    """Return the id of the gateway that a process belongs to; empty: none that is told."""
    return owner.split("/")[0].partition(":")[2]


def is_alive_here(owner: str, host: str | None = None) -> bool | None:
    """Return whether that process runs; None: it is of another host than ``host`` (None: this one)."""
    if host_of(owner) != (socket.gethostname() if host is None else host):
        return None
    _, pid, start = owner.split("/")
    return start == _start(int(pid))


def _start(pid: int) -> str:
    """When the process was started, in ticks since its host's boot; empty: there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    fields = stat.rpartition(b")")[2].split()  # from the third on; the name before ")" may hold anything
    return "" if fields[0] in b"ZX" else fields[_START_FIELD - 3].decode()
