"""The state directory and the files in it: who owns them, who may read them.

The folder is 0700, files are 0600, both belong to the user who runs the gateway; anything wider, foreign, linked or
special is refused with the command that mends it. It protects against other users of the machine, not against root.
"""

import os
import pwd
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gateway.store.installation import user_name
from gateway.store.refusal import Misconfigured, NotPermitted

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def become_owner(folder: Path) -> None:
    """Run as root: take on the effective user and groups of the owner of ``folder``, where it exists (seteuid(2))."""
    if os.geteuid() != 0:
        return
    try:
        found = folder.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    if found.st_uid == 0:
        return
    _set_groups(found.st_uid, found.st_gid)
    os.setegid(found.st_gid)
    os.seteuid(found.st_uid)


def hand_over(made: Path, folder: Path) -> None:
    """Run as root: give ``made``, a folder of files, to the owner of ``folder``, where that exists."""
    if os.geteuid() != 0 or not folder.exists():
        return
    owner = folder.stat(follow_symlinks=False)
    for path in (made, *made.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _set_groups(uid: int, gid: int) -> None:
    try:
        os.initgroups(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        os.setgroups([gid])


def secure_folder(folder: Path) -> None:
    """Create the state directory 0700 where it is absent, else check it. Raises ``Misconfigured``, ``NotPermitted``."""
    try:
        folder.mkdir(mode=FOLDER_MODE)
        folder.chmod(FOLDER_MODE)  # the umask may have taken bits away
    except FileExistsError:
        pass
    except FileNotFoundError as error:
        raise Misconfigured(f"{folder.parent} does not exist: create it, or correct `state`") from error
    except OSError as error:
        raise NotPermitted(f"{folder} cannot be created: {error.strerror}") from error
    _check(folder, stat.S_ISDIR, "folder", FOLDER_MODE)


def secure_file(path: Path) -> bool:
    """Check a file if it is there, and say whether it is. Raises ``Misconfigured``, ``NotPermitted``."""
    return _check(path, stat.S_ISREG, "regular file", FILE_MODE)


def create_file(path: Path, content: bytes) -> None:
    """Create a file 0600, whole or not at all: nobody ever reads a part.

    The caller sees to it that no other process creates it at the same time. Raises ``NotPermitted``.
    """
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, FILE_MODE)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        new.rename(path)
        sync(path.parent)
    except OSError as error:
        raise NotPermitted(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a new file of mode 0600 to write, which has its name only when it is whole and on disk.

    It is made, and named, as whoever called the command, who may be root. Raises ``OSError``, ``NotPermitted``.
    """
    user, group = os.geteuid(), os.getegid()
    if path.exists() and not path.is_file():
        raise NotPermitted(f"{path} is no regular file: name another, or - for standard output")
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    whole = False
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, FILE_MODE)
            yield file
            file.flush()
            os.fsync(descriptor)
        whole = True
    finally:
        with _as_user(user, group):  # opening the store may have made us its owner
            if whole:
                new.rename(path)
                sync(path.absolute().parent)
            else:
                new.unlink()


@contextmanager
def _as_user(user: int, group: int) -> Iterator[None]:
    """Be an effective user for a moment, who this process was before (seteuid(2))."""
    now_user, now_group = os.geteuid(), os.getegid()
    os.seteuid(user)
    os.setegid(group)
    try:
        yield
    finally:
        os.setegid(now_group)
        os.seteuid(now_user)


def touch_file(path: Path) -> None:
    """Create an empty file 0600 unless it is there (several processes may do so at once)."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    except FileExistsError:
        return
    except OSError as error:
        raise NotPermitted(f"{path} cannot be created: {error.strerror}") from error
    os.fchmod(descriptor, FILE_MODE)
    os.close(descriptor)


def sync(path: Path) -> None:
    """Return when a file, or the names in a folder, are on disk (fsync(2)). Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(path: Path, is_kind: Callable[[int], bool], kind: str, mode: int) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise NotPermitted(f"{path} cannot be reached as {user_name(os.geteuid())}: {error.strerror}") from error
    if not is_kind(found.st_mode):
        raise Misconfigured(f"{path} is not a {kind} (a link is not followed here): name or put the real one")
    if kind != "folder" and found.st_nlink > 1:
        raise Misconfigured(f"{path} has a second name (hard link): remove the other one, or copy the file")
    if found.st_uid != os.geteuid():
        whose = f"{path} belongs to {user_name(found.st_uid)}, not to {user_name(os.geteuid())}"
        cure = "run as its owner" if kind == "folder" else f"chown {user_name(os.geteuid())} {path}"
        raise NotPermitted(f"{whose}: {cure}")
    if stat.S_IMODE(found.st_mode) & ~mode:
        raise Misconfigured(f"{path} is open to other users: chmod {mode:o} {path}")
    return True
