"""A Postfix of its own, as root, in a temporary folder; the system's own instance is not touched.

Its settings are Postfix's defaults but for names, ports and folders. Two doors: one relays to the sink, one accepts
into the queue and holds there.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType

from benchmarks.load import PATIENCE, await_port, program
from benchmarks.ratio import NotMeasured
from gateway.cli.demo.stage import free_port

_MAIN = """\
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.org
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{sink}
disable_dns_lookups = yes
smtp_host_lookup = native
alias_maps =
alias_database =
message_size_limit = 102400000
"""

_MASTER = """\
127.0.0.1:{relaying} inet n - n - - smtpd
127.0.0.1:{holding} inet n - n - - smtpd -o smtpd_client_restrictions=static:hold
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A running Postfix, from ``with`` to its end. ``relaying`` and ``holding`` are the ports of its doors."""

    def __init__(self, folder: Path, sink: int) -> None:
        if os.geteuid() != 0:
            raise NotMeasured("a private Postfix needs root")
        program("postfix")
        self._folder = folder / "postfix"
        self._etc = self._folder / "etc"
        self.relaying, self.holding = free_port(), free_port()
        self._write(sink)
        self._command("start")
        await_port(self.relaying)
        await_port(self.holding)

    def _write(self, sink: int) -> None:
        for name in ("etc", "queue", "data"):
            (self._folder / name).mkdir(parents=True)
        shutil.chown(self._folder / "data", "postfix")
        done = subprocess.run(
            [program("postconf"), "-dh", "daemon_directory"], capture_output=True, text=True, check=True
        )
        values = {"folder": self._folder, "daemons": done.stdout.strip(), "sink": sink}
        (self._etc / "main.cf").write_text(_MAIN.format(**values))
        (self._etc / "master.cf").write_text(_MASTER.format(relaying=self.relaying, holding=self.holding))

    def _command(self, verb: str) -> None:
        command = [program("postfix"), "-c", str(self._etc), verb]
        # Postfix would hold a pipe open for as long as it runs.
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
        if done.returncode != 0:
            raise NotMeasured(f"postfix {verb} ended with {done.returncode}")

    def drained(self) -> None:
        """Return when the queue is empty. Raises ``NotMeasured`` where mail was deferred or it takes too long."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if not any(self._queued(name) for name in ("incoming", "active")):
                if self._queued("deferred"):
                    raise NotMeasured("Postfix deferred mail to the sink")
                return
            time.sleep(0.005)
        raise NotMeasured("Postfix did not empty its queue")

    def _queued(self, name: str) -> bool:
        return any(files for _, _, files in os.walk(self._folder / "queue" / name))

    def drop_held(self) -> None:
        """Delete what the holding door took."""
        for file in (self._folder / "queue" / "hold").iterdir():
            file.unlink()

    def __enter__(self) -> "Postfix":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._command("stop")
