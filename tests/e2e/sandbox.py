"""Runs a command as systemd would run the service: ``sandbox.py UNIT… -- COMMAND``, as root, with ``SANDBOX_UID``.

It takes the directives of the unit (and drop-ins) one by one and applies to itself what a process can: namespaces, a
read-only world, its own /dev, /proc and /tmp, a user namespace, an empty bounding set, seccomp filters made from
systemd's own lists of system calls. Then it becomes the command, under the same process id. ``EXERCISED`` says how each
directive is applied, ``LEFT_OUT`` why the others are not. The interpreter that runs the tests is let back into the
home directory it may come from.
"""

import ctypes
import errno
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

EXERCISED = {
    "NoNewPrivileges": "prctl",
    "CapabilityBoundingSet": "prctl",
    "AmbientCapabilities": "none are kept",
    "PrivateUsers": "user namespace: root and the service's user",
    "RestrictSUIDSGID": "seccomp",
    "ProtectSystem": "all mounts read-only",
    "StateDirectory": "a writable folder (here the tests' own)",
    "RuntimeDirectory": "a writable folder (here the tests' own)",
    "ReadWritePaths": "writable folders (here the tests' own)",
    "ProtectHome": "empty file systems",
    "PrivateTmp": "empty file systems",
    "PrivateDevices": "a /dev with the harmless devices",
    "PrivateMounts": "mount namespace",
    "ProtectProc": "proc with hidepid=invisible",
    "ProcSubset": "proc with subset=pid",
    "ProtectHostname": "UTS namespace, seccomp",
    "ProtectClock": "seccomp (@clock)",
    "ProtectKernelTunables": "read-only /sys, no /proc/sys",
    "ProtectKernelModules": "seccomp (@module)",
    "ProtectKernelLogs": "seccomp (syslog), no /dev/kmsg",
    "ProtectControlGroups": "read-only /sys/fs/cgroup",
    "RestrictAddressFamilies": "seccomp",
    "RestrictNamespaces": "seccomp",
    "RestrictRealtime": "seccomp",
    "LockPersonality": "seccomp",
    "MemoryDenyWriteExecute": "seccomp",
    "SystemCallArchitectures": "seccomp",
    "SystemCallFilter": "seccomp",
    "SystemCallErrorNumber": "seccomp",
    "UMask": "umask",
    "LimitCORE": "setrlimit",
    "LimitNOFILE": "setrlimit",
    "User": "setresuid (a user without a name)",
    "Group": "setresgid",
    "Type": "notify socket",
    "NotifyAccess": "notify socket, spoken to by the supervisor only",
    "WatchdogSec": "WATCHDOG_USEC",
    "ExecStart": "the same command, from this tree",
    "ExecReload": "the same command, by the test",
}
LEFT_OUT = {
    "KeyringMode": "no key ring is used",
    "RemoveIPC": "acts after the end",
    "DevicePolicy": "control group; the private /dev says the same",
    "MemorySwapMax": "control group",
    "TasksMax": "control group",
    "KillMode": "what systemd does at the end",
    "TimeoutStopSec": "what systemd does at the end",
    "Restart": "what systemd does after the end",
    "RestartSec": "what systemd does after the end",
    "RestartPreventExitStatus": "what systemd does after the end",
    "StateDirectoryMode": "made by systemd",
    "RuntimeDirectoryMode": "made by systemd",
}
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
IMPLICIT = {"execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn"}
IMPLICIT |= {"clock_gettime", "gettimeofday", "nanosleep", "time"}
"""What systemd adds to every list (systemd.exec(5))."""
NEW_MOUNTS, NEW_UTS, NEW_IPC, NEW_USER = 0x00020000, 0x04000000, 0x08000000, 0x10000000
NAMESPACES = 0x7E020000 | 0x02000000
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NOT_EQUAL, EQUAL, MASKED = 1, 4, 7
_libc = ctypes.CDLL(None, use_errno=True)

Directives = dict[str, list[str]]


def directives(*units: Path) -> Directives:
    """The [Service] section: every key with its values, in order; later files add."""
    found: Directives = {}
    for unit in units:
        section = ""
        for line in map(str.strip, unit.read_text().splitlines()):
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and not line.startswith("#"):
                key, _, value = line.partition("=")
                found.setdefault(key, []).append(value)
    return found


def check(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


HOMES = (Path("/home"), Path("/root"), Path("/run/user"))


# -- what is to be seen -----------------------------------------------------------------------------------------


def mount(source: str, target: Path, kind: str, options: str = "", flags: int = 0) -> None:
    encoded = (source.encode(), str(target).encode(), kind.encode(), flags, options.encode())
    check(_libc.mount(*encoded))


def bind(source: Path, target: Path) -> None:
    mount(str(source), target, "", flags=4096 | 16384)


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def read_only(path: Path, on: bool) -> None:
    """Make a mount and all below it read-only, or not (mount_setattr(2), AT_RECURSIVE)."""
    attributes = _Attributes(1, 0, 0, 0) if on else _Attributes(0, 1, 0, 0)
    size = ctypes.sizeof(attributes)
    check(_libc.syscall(442, -100, str(path).encode(), 0x8000, ctypes.byref(attributes), ctypes.c_size_t(size)))


def own_world(writable: Iterable[Path]) -> None:
    """See everything read-only but for some folders, with own /tmp, /home, /dev and /proc."""
    check(_libc.unshare(NEW_MOUNTS | NEW_UTS | NEW_IPC))
    mount("none", Path("/"), "", flags=0x4000 | 0x40000)
    kept = list(writable)
    for folder in kept:
        bind(folder, folder)
    read_only(Path("/"), True)
    for folder in kept:
        read_only(folder, False)
    _hide({Path("/tmp"): "1777", Path("/var/tmp"): "1777", **dict.fromkeys(HOMES, "0755")})
    for home in filter(Path.is_dir, HOMES):
        read_only(home, True)
    _private_devices()
    mount("proc", Path("/proc"), "proc", "hidepid=invisible,subset=pid")


def _hide(folders: dict[Path, str]) -> None:
    """Put an empty folder over each, but for the programs of this test, which an installed service has elsewhere."""
    programs = {path: os.open(path, os.O_PATH) for path in map(Path, (Path.cwd(), sys.prefix, sys.base_prefix))}
    for folder, mode in folders.items():
        if folder.is_dir():
            mount("tmpfs", folder, "tmpfs", f"mode={mode}")
    for path, descriptor in programs.items():
        if not path.exists():
            path.mkdir(parents=True)
            bind(Path(f"/proc/self/fd/{descriptor}"), path)
        os.close(descriptor)
    os.chdir(Path.cwd())


def _private_devices() -> None:
    mount("tmpfs", Path("/dev"), "tmpfs", "mode=0755")
    for name, (major, minor) in DEVICES.items():
        os.mknod(f"/dev/{name}", 0o666 | stat.S_IFCHR, os.makedev(major, minor))
        os.chmod(f"/dev/{name}", 0o666)
    Path("/dev/shm").mkdir(mode=0o1777)
    mount("tmpfs", Path("/dev/shm"), "tmpfs", "mode=1777")
    read_only(Path("/dev"), True)
    read_only(Path("/dev/shm"), False)


# -- who one is -------------------------------------------------------------------------------------------------


def private_users(user: int) -> None:
    """Enter a user namespace that knows root and the service's user; another process writes its maps."""
    entered, wait = os.pipe()
    writer = os.fork()
    if writer == 0:
        os.close(wait)
        os.read(entered, 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{os.getppid()}/{name}").write_text(f"0 0 1\n{user} {user} 1\n")
        os._exit(0)
    os.close(entered)
    check(_libc.unshare(NEW_USER))
    os.close(wait)
    if os.waitpid(writer, 0)[1]:
        raise OSError(errno.EPERM, "the user namespace got no maps")


def become(user: int) -> None:
    """Give up every privilege, also those that could come back."""
    for capability in range(64):
        _libc.prctl(24, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    check(_libc.prctl(38, 1, 0, 0, 0))


# -- what one may ask the kernel --------------------------------------------------------------------------------


class _Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class Filter:
    """A seccomp filter; ``otherwise`` is what becomes of a call that no rule names."""

    def __init__(self, otherwise: int) -> None:
        self._library = ctypes.CDLL("libseccomp.so.2")
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._filter = ctypes.c_void_p(self._library.seccomp_init(otherwise))

    def rule(self, action: int, name: str, *comparisons: tuple[int, int, int, int]) -> None:
        """Add a rule for a call this machine knows; each comparison is argument, operator and its values."""
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            return
        several = (_Comparison * len(comparisons))(*(_Comparison(*one) for one in comparisons))
        added = self._library.seccomp_rule_add_array(self._filter, action, number, len(comparisons), several)
        if added not in (0, -errno.EEXIST):
            raise OSError(-added, f"seccomp: {name}: {os.strerror(-added)}")

    def load(self) -> None:
        """Let it count from now on."""
        loaded = self._library.seccomp_load(self._filter)
        if loaded:
            raise OSError(-loaded, f"seccomp: {os.strerror(-loaded)}")


def call_sets() -> dict[str, list[str]]:
    """systemd's named sets of system calls."""
    text = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        word = line.strip()
        if line.startswith("@"):
            found[word] = current = []
        elif line.startswith(" ") and word and not word.startswith("#"):
            current.append(word)
    return found


def expanded(words: Iterable[str], sets: dict[str, list[str]]) -> Iterator[str]:
    for word in words:
        if word.startswith("@"):
            yield from expanded(sets[word], sets)
        else:
            yield word


def allowed_calls(values: list[str], sets: dict[str, list[str]]) -> set[str]:
    """What ``SystemCallFilter`` lines leave: first those that allow, then those that take away."""
    allowed = set(IMPLICIT)
    for value in values:
        words = value.removeprefix("~").split()
        calls = set(expanded(words, sets))
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    return allowed | IMPLICIT


def restrictions(unit: Directives, sets: dict[str, list[str]]) -> Filter:
    """What is denied by arguments, and by directives of their own."""
    found = Filter(ALLOW)
    no = ERRNO | errno.EPERM
    if "MemoryDenyWriteExecute" in unit:
        found.rule(no, "mmap", (2, MASKED, 6, 6))
        for call in ("mprotect", "pkey_mprotect"):
            found.rule(no, call, (2, MASKED, 4, 4))
        found.rule(no, "shmat", (2, MASKED, 0o100000, 0o100000))
    families = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
    kept = {families[word] for value in unit["RestrictAddressFamilies"] for word in value.split()}
    for family in set(range(46)) - kept:
        found.rule(ERRNO | errno.EAFNOSUPPORT, "socket", (0, EQUAL, family, 0))
    for bit in (1 << number for number in range(64) if NAMESPACES >> number & 1):
        for call in ("clone", "unshare"):
            found.rule(no, call, (0, MASKED, bit, bit))
    found.rule(no, "setns")
    found.rule(ERRNO | errno.ENOSYS, "clone3")
    for policy in (1, 2, 6):
        found.rule(no, "sched_setscheduler", (1, EQUAL, policy, 0))
    found.rule(no, "personality", (0, NOT_EQUAL, 0, 0))
    for bit in (0o4000, 0o2000):
        modes = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "mkdir": 1, "mkdirat": 2, "creat": 1, "mknod": 1, "mknodat": 2}
        for call, argument in modes.items():
            found.rule(no, call, (argument, MASKED, bit, bit))
        for call, argument in (("open", 2), ("openat", 3)):
            creating = (argument - 1, MASKED, os.O_CREAT, os.O_CREAT)
            found.rule(no, call, creating, (argument, MASKED, bit, bit))
    for call in (*expanded(["@clock", "@module"], sets), "syslog", "sethostname", "setdomainname"):
        found.rule(no, call)
    return found


def main() -> None:
    """Do it all, in the order in which the one takes away what the next needs."""
    split = sys.argv.index("--")
    unit, command = directives(*map(Path, sys.argv[1:split])), sys.argv[split + 1 :]
    unknown = set(unit) - set(EXERCISED) - set(LEFT_OUT)
    if unknown:
        raise SystemExit(f"sandbox: what about {', '.join(sorted(unknown))}?")
    user, writable = int(os.environ["SANDBOX_UID"]), os.environ["SANDBOX_WRITABLE"].split(":")
    sets = call_sets()
    own_world(map(Path, writable))
    private_users(user)
    become(user)
    os.umask(int(unit["UMask"][-1], 8))
    files = int(unit["LimitNOFILE"][-1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    restricted = restrictions(unit, sets)
    filtered = Filter(ERRNO | getattr(errno, unit["SystemCallErrorNumber"][-1]))
    for call in sorted(allowed_calls(unit["SystemCallFilter"], sets)):
        filtered.rule(ALLOW, call)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    restricted.load()
    filtered.load()
    os.execv(command[0], command)


def missing_tool() -> str | None:
    """Which program or library is not on this machine, or None."""
    if shutil.which("systemd-analyze") is None:
        return "systemd-analyze"
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return "libseccomp"
    return None


def possible() -> bool:
    """Whether this machine lets a test make namespaces."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "-U", "true"], check=False).returncode == 0


if __name__ == "__main__":
    main()
