"""The socket of a milter door in the file system: who may connect, what an earlier run left, and its end.

Its permissions are the mode it is given; its group is that of its folder, where that has the set-group-ID bit. So the
mail server connects by its group, and the gateway needs no membership in it.
"""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.errors import Fault

LONGEST = 107
"""Bytes of a path in a socket's address (unix(7))."""


@contextmanager
def unix_socket(path: Path, mode: int, listen: Callable[[str], None]) -> Iterator[None]:
    """Have ``listen`` open a socket at ``path`` with the permissions ``mode``; remove it at the end.

    Raises ``Fault`` where somebody listens there already, or where it cannot be made.
    """
    _make_room(path)
    mask = os.umask(0o777)  # nobody connects before the permissions are right
    try:
        listen(f"unix:{path}")
    finally:
        os.umask(mask)
    path.chmod(mode)
    ours = path.stat().st_ino
    try:
        yield
    finally:
        with suppress(OSError):
            if path.stat().st_ino == ours:
                path.unlink()


def _make_room(path: Path) -> None:
    if len(os.fsencode(path)) > LONGEST:
        raise Fault(f"{path}: longer than a socket's path may be ({LONGEST} bytes)")
    if not path.parent.is_dir():
        raise Fault(f"{path}: its folder does not exist; make it, with the mail server's group and mode 2750")
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise Fault(f"{path}: there is something else, no socket; remove it or choose another path")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()  # an earlier run was killed
        else:
            raise Fault(f"{path}: another process listens there")
