"""The installation itself: code, libraries and interpreter, which whoever runs the gateway must be able to read."""

import os
import pwd
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from gateway.store.refusal import NotPermitted

_CODE = Path(__file__).parents[1]


def check_installation() -> None:
    """See that what is still to be loaded can be: a umask of 077 at installation shuts others out.

    Raises ``NotPermitted`` with the folder in the way and what opens it.
    """
    for folder in _folders():
        for path in (*reversed(folder.parents), folder):
            if not os.access(path, os.X_OK if path != folder else os.R_OK | os.X_OK, effective_ids=True):
                raise NotPermitted(f"{path} cannot be read by {user_name(os.geteuid())}: {_cure(path)}")


def blamed(error: Exception) -> Exception:
    """Return why the installation could not be read where that is behind ``error``, else ``error``."""
    try:
        check_installation()
    except NotPermitted as refusal:
        return refusal
    return error


def _folders() -> Iterator[Path]:
    libraries = Path(sysconfig.get_path("purelib"))
    yield from (_CODE, Path(sysconfig.get_path("stdlib")), libraries)
    yield from (path for path in sorted(libraries.iterdir()) if path.is_dir() and path.name != "__pycache__")


def _cure(path: Path) -> str:
    prefix = Path(sys.prefix)
    if path == prefix or prefix in path.parents:
        return f"chmod -R go+rX {prefix}"
    return "install the gateway where all may read, such as /opt, under umask 022"


def user_name(uid: int) -> str:
    """Return a user's name, or the number of one who has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
