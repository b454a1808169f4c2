"""What systemd is told (sd_notify(3)), where it listens; that it does not is no reason to fail."""

import os
import socket
import time

from gateway.log import logger


def notify(*states: str) -> None:
    """Send assignments such as ``READY=1`` in one datagram."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect("\0" + path[1:] if path.startswith("@") else path)
            channel.sendall("\n".join(states).encode())
    except OSError as error:
        logger.warning("the service manager cannot be told %s: %s", " ".join(states), error.strerror)


def reloading() -> None:
    """Say that a reload begins; ``READY=1`` says that it is over."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def watchdog_seconds() -> float | None:
    """Return how often systemd wants a sign of life (half of ``WatchdogSec``), None where it wants none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        microseconds = int(os.environ["WATCHDOG_USEC"])
    except (KeyError, ValueError):
        return None
    return microseconds / 2_000_000 if microseconds > 0 else None
