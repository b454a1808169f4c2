"""A Postfix of its own, as root, in a temporary folder; the system's own instance is not touched.

Its settings are Postfix's defaults but for names, ports and folders. Its doors are ports, see ``Postfix``.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType

from benchmarks.load import PATIENCE, await_port, program
from benchmarks.process import children
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
milter_default_action = tempfail
openssl_destination_recipient_limit = 1
"""

_MASTER = """\
127.0.0.1:{relaying} inet n - n - - smtpd
127.0.0.1:{holding} inet n - n - - smtpd -o smtpd_client_restrictions=static:hold
127.0.0.1:{milter} inet n - n - - smtpd -o smtpd_milters=unix:gw/outbound.sock
127.0.0.1:{filtering} inet n - n - - smtpd -o content_filter=gateway:[127.0.0.1]:{gateway}
127.0.0.1:{piping} inet n - n - - smtpd -o content_filter=openssl:
127.0.0.1:{back} inet n - n - 250 smtpd -o smtpd_authorized_xforward_hosts=127.0.0.0/8
gateway unix - - n - 20 smtp -o smtp_send_xforward_command=yes -o disable_mime_output_conversion=yes
openssl unix - n n - 10 pipe flags=Rq user=nobody argv={folder}/etc/sign ${{sender}} ${{recipient}}
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


# After FILTER_README's "simple content filter". Put back by SMTP, which costs less than sendmail(1) and the pickup
# daemon, and needs no entry in the configuration of the system's own Postfix.
_SIGN = """\
#!/bin/sh
mail=$(mktemp -d {folder}/filter/XXXXXXXX) || exit 75
trap 'rm -rf "$mail"' EXIT
cat > "$mail/in" || exit 75
{openssl} cms -sign -md sha256 -signer {keys}/signing.pem -inkey {keys}/signing.key -certfile {keys}/chain.pem \\
    -in "$mail/in" -out "$mail/out" -from "$1" -to "$2" -subject signed || exit 69
{source} -F "$mail/out" -f "$1" -t "$2" 127.0.0.1:{back} || exit 75
"""


class Postfix:
    """A running Postfix, from ``with`` to its end.

    Its doors: ``relaying`` to the sink; ``holding`` in the queue; ``milter``, relaying, with the milter at ``socket``;
    ``filtering`` by way of a gateway at port ``gateway`` and ``back``, and ``piping`` by way of a script and ``back``.
    """

    def __init__(self, folder: Path, sink: int) -> None:
        if os.geteuid() != 0:
            raise NotMeasured("a private Postfix needs root")
        program("postfix")
        self._folder = folder / "postfix"
        self._etc = self._folder / "etc"
        self.relaying, self.holding, self.milter = free_port(), free_port(), free_port()
        self.filtering, self.piping, self.gateway, self.back = free_port(), free_port(), free_port(), free_port()
        self.socket = self._folder / "queue" / "gw" / "outbound.sock"
        self._write(sink)
        self._command("start")
        await_port(self.relaying)
        await_port(self.holding)

    def _write(self, sink: int) -> None:
        for name in ("etc", "queue", "data", "filter", "queue/gw"):
            (self._folder / name).mkdir(parents=True)
        shutil.chown(self._folder / "data", "postfix")
        shutil.chown(self._folder / "filter", "nobody")
        shutil.chown(self.socket.parent, group="postfix")
        self.socket.parent.chmod(0o2750)
        done = subprocess.run(
            [program("postconf"), "-dh", "daemon_directory"], capture_output=True, text=True, check=True
        )
        values = vars(self) | {"folder": self._folder, "daemons": done.stdout.strip(), "sink": sink}
        (self._etc / "main.cf").write_text(_MAIN.format(**values))
        (self._etc / "master.cf").write_text(_MASTER.format(**values))
        script, programs = self._etc / "sign", {"openssl": program("openssl"), "source": program("smtp-source")}
        script.write_text(_SIGN.format(**values, **programs, keys=self._folder.parent))
        script.chmod(0o755)

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

    def processes(self, name: str) -> list[int]:
        """The process ids of its daemons of one kind."""
        master = int((self._folder / "queue" / "pid" / "master.pid").read_text())
        return children(master, name)

    def __enter__(self) -> "Postfix":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._command("stop")
