"""A private Postfix whose doors have the gateway's milters: ``mx`` inbound, ``submission`` and sendmail(1) outbound."""

import shutil
import subprocess
from typing import Any

from tests.e2e.daemon import free_port
from tests.e2e.postfix import OWN_PLACE, SERVICES, Postfix
from tests.tools import require_pymilter

TEAM = "support+team@example.org"
"""An address that Postfix expands into two."""
_MAIN = """
message_size_limit = 60000000
smtpd_authorized_xforward_hosts = 127.0.0.0/8
smtpd_recipient_restrictions = permit_mynetworks, reject
milter_default_action = tempfail
non_smtpd_milters = unix:gw/outbound.sock
smtp_line_length_limit = 0
virtual_alias_maps = inline:{{ {{ {team} = one@example.com, two@example.com }} }}
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{mx} inet n - n - - smtpd
    -o smtpd_milters=unix:gw/inbound.sock
127.0.0.1:{submission} inet n - n - - smtpd
    -o smtpd_milters=unix:gw/outbound.sock
pickup unix n - n 1 1 pickup
"""


class MilterPostfix(Postfix):
    """The instance; the gateway is started by the test, with the ``milters`` this instance has."""

    def _configure(self, sink: int) -> None:
        require_pymilter()
        self.mx, self.submission = free_port(), free_port()
        self._write("main.cf", (OWN_PLACE + _MAIN).format(folder=self.folder, sink=sink, team=TEAM))
        doors = _MASTER.format(port=self.port, mx=self.mx, submission=self.submission)
        self._write("master.cf", doors + SERVICES)
        self.sockets = self.folder / "queue" / "gw"
        self.sockets.mkdir()
        shutil.chown(self.sockets, group="postfix")
        self.sockets.chmod(0o2750)

    @property
    def milters(self) -> list[dict[str, Any]]:
        """The gateway's doors, as its configuration has them."""
        return [
            {"name": name, "direction": direction, "listen": f"unix:{self.sockets}/{direction}.sock"}
            for name, direction in (("mx", "inbound"), ("submission", "outbound"))
        ]

    def sendmail(self, content: bytes, *recipients: str, sender: str) -> None:
        """Hand a message over as local programs do."""
        command = ["/usr/sbin/sendmail", "-C", str(self.folder / "etc"), "-i", "-f", sender, *recipients]
        subprocess.run(command, input=content, check=True, timeout=60)

    @property
    def waiting(self) -> int:
        """How many messages of local programs wait to be taken into the queue."""
        return sum(path.is_file() for path in (self.folder / "queue" / "maildrop").iterdir())
