"""A private Postfix: its own folder, queue, ports and log; the system's instance is not touched.

Doors: ``port`` takes everything, ``small`` messages up to 100 kB only. All mail goes to the sink; mail for
``seven.example.com`` by a client that sees no 8BITMIME there. The refusals below are those of a server that knows its
users.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.e2e.daemon import free_port, poll
from tests.tools import missing

PROGRAM = "/usr/sbin/postfix"
SMALL = 100_000
UNKNOWN, BUSY = "unknown@example.com", "busy@example.com"
DISLIKED = "disliked@example.org"
"""An envelope sender whose mail is refused at its final dot."""

OWN_PLACE = """
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = mta.example.org
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
relayhost = [127.0.0.1]:{sink}
disable_dns_lookups = yes
smtp_host_lookup = native
in_flow_delay = 0
"""
"""What makes an instance private: its own folder and loopback; all mail goes to the sink."""
_MAIN = """
transport_maps = texthash:{folder}/etc/transport
message_size_limit = 60000000
smtpd_authorized_xforward_hosts = 127.0.0.0/8
smtpd_client_connection_count_limit = 0
smtpd_recipient_limit = 1000
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/etc/access, permit_mynetworks, reject
smtpd_end_of_data_restrictions = check_sender_access texthash:{folder}/etc/disliked
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{small} inet n - n - - smtpd
    -o message_size_limit={limit}
sevenbit unix - - n - - smtp -o smtp_discard_ehlo_keywords=8bitmime,smtputf8
"""
SERVICES = """
smtp unix - - n - - smtp
relay unix - - n - - smtp
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
"""What every instance needs beside its doors."""


class Postfix:
    """The instance; a test that needs it is skipped where this user may not have one."""

    def __init__(self, sink: int) -> None:
        if not Path(PROGRAM).exists():
            missing("Postfix")
        if os.geteuid() != 0:
            missing("root, which Postfix wants,")
        self.port, self.small = free_port(), free_port()
        # Not pytest's folder: Postfix's own users must be able to walk through its parents.
        self.folder = Path(tempfile.mkdtemp(prefix="smime-gateway-postfix-"))
        self.folder.chmod(0o755)
        for name in ("etc", "queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        self._configure(sink)

    def _configure(self, sink: int) -> None:
        self._write("main.cf", (OWN_PLACE + _MAIN).format(folder=self.folder, sink=sink))
        self._write("master.cf", _MASTER.format(port=self.port, small=self.small, limit=SMALL) + SERVICES)
        self._write("access", f"{UNKNOWN} 550 5.1.1 No such user here\n{BUSY} 452 4.2.2 Mailbox full\n")
        self._write("disliked", f"{DISLIKED} 554 5.7.1 Not this content\n")
        self._write("transport", f"seven.example.com sevenbit:[127.0.0.1]:{sink}\n")

    def _write(self, name: str, text: str) -> None:
        (self.folder / "etc" / name).write_text(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run("stop", check=False)
        shutil.rmtree(self.folder)

    def start(self) -> Self:
        """Start it and wait until it answers; returns itself."""
        self._run("start")
        poll(self._answers, message=f"Postfix did not start: {self.log}")
        return self

    @property
    def log(self) -> str:
        """All it logged."""
        path = self.folder / "maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def logged(self, *words: str) -> str:
        """Wait for a log line with all these words, and return it."""

        def found() -> str:
            return next((line for line in self.log.splitlines() if all(word in line for word in words)), "")

        return poll(found, message=f"Postfix logged no line with {words}")

    def queued(self) -> str:
        """What is in the queue."""
        command = ["/usr/sbin/postqueue", "-c", str(self.folder / "etc"), "-j"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _run(self, verb: str, *, check: bool = True) -> None:
        command = [PROGRAM, "-c", str(self.folder / "etc"), verb]
        # Postfix holds what it is given open: a pipe would never come to its end.
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
        assert done.returncode == 0 or not check, f"postfix {verb}: {done.returncode}: {self.log}"
