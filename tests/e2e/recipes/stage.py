"""A recipe of ``config/postfix/`` set up for real: Postfix and the gateway with the very text that is shipped.

Only ports, paths and names are replaced (``_replacements``), and the instance's own place is put before it. Outside
stands one sink, which takes all mail that Postfix sends away; a verifier and a signer stand in for OpenDMARC and
OpenDKIM.
"""

import re
import shutil
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from tests.e2e.client import Answer, Letter, submit
from tests.e2e.conftest import ALICE
from tests.e2e.daemon import SUPPORT, Daemon, free_port, poll
from tests.e2e.postfix import OWN_PLACE, SERVICES, Postfix
from tests.e2e.recipes.milter import StandIn
from tests.e2e.sink import Sink

SHIPPED = Path(__file__).parents[3] / "config" / "postfix"
PORTS = (25, 587, 10024, 10025, 10026, 10027, 10091, 10092, 10093, 10094, 10095)

_BEFORE = """
relay_domains = example.org
recipient_delimiter = +
smtpd_milters = inet:127.0.0.1:{verifier}
milter_default_action = accept
hopcount_limit = 200
smtpd_authorized_xforward_hosts = 127.0.0.0/8
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
transport_retry_time = 1s
bounce_queue_lifetime = 1h
"""
"""What the administrator had in main.cf before; it tries again soon."""
_PRESENT = {
    r"^127.0.0.1:{mx} ": "127.0.0.1:{mx} inet n - y - - smtpd",
    r"^pickup ": "pickup unix n - y 1 1 pickup",
}
"""Services that are there before a recipe, which may change them."""

_PROGRAM = """#!/bin/sh
# The helpdesk's program: keeps the message, and does as its mail says.
kept=$(mktemp @FOLDER@/kept/XXXXXX.part)
cat >"$kept"
printf '%s\\n' "$@" >"${kept%.part}.arguments"
mv "$kept" "${kept%.part}.mail"
if grep -qi '^x-exit: 65' "${kept%.part}.mail"; then echo "I do not want it"; exit 65; fi
if grep -qi '^x-exit: 75' "${kept%.part}.mail" && ! [ -e @FOLDER@/kept/willing ]; then exit 75; fi
exit 0
"""
_COMMAND = """#!/bin/sh
# smime-gateway as the pipe's user finds it: the test runs it, for that user may not read this checkout.
job=$(mktemp -d @FOLDER@/jobs/XXXXXX)
cat >"$job/in"
for word in "$@"; do printf '%s\\n' "$word"; done >"$job/arguments"
: >"$job/ready"
until [ -e "$job/code" ]; do sleep 0.05; done
cat "$job/err" >&2
cat "$job/out"
exit "$(cat "$job/code")"
"""


@dataclass(frozen=True)
class Addition:
    """Further services and listeners of a test's own, with shipped ports and names."""

    services: str = ""
    listeners: str = "[]"


class RecipePostfix(Postfix):
    """A private Postfix with a recipe's ``main.cf`` and ``master.cf``."""

    def __init__(self, main: str, master: str, sink: int, mx: int, verifier: int) -> None:
        self._text = main, master
        self._mx, self._verifier = mx, verifier
        super().__init__(sink)

    def _configure(self, sink: int) -> None:
        main, master = self._text
        self.port = self._mx
        before = (OWN_PLACE + _BEFORE).format(folder=self.folder, sink=sink, verifier=self._verifier)
        present = [
            line.format(mx=self._mx)
            for pattern, line in _PRESENT.items()
            if not re.search(pattern.format(mx=self._mx), master, re.MULTILINE)
        ]
        self._write("main.cf", before + main.replace("@FOLDER@", str(self.folder)))
        self._write("master.cf", "\n".join([master.replace("@FOLDER@", str(self.folder)), *present, SERVICES]))

    def sendmail(self, content: bytes, *recipients: str, sender: str) -> None:
        """Submit a message on this machine, with its program's line ends."""
        command = ["/usr/sbin/sendmail", "-C", str(self.folder / "etc"), "-i", "-f", sender, "--", *recipients]
        subprocess.run(command, input=content.replace(b"\r\n", b"\n"), timeout=60, check=True)


class Stage:
    """One recipe at work. ``ports`` maps the shipped ports (25, 587, 10024 …) to those of the test."""

    def __init__(self, name: str, sink: Sink, store: Path, addition: Addition | None = None) -> None:
        """``store``: a state folder with keys and certificates, to be copied."""
        addition = addition or Addition()
        self.name, self.sink = name, sink
        self.ports = {number: free_port() for number in PORTS}
        self._exit = ExitStack()
        self.verifier = StandIn("Authentication-Results", "mx.example.org; dmarc=pass header.from=example.com; body")
        self.signer = StandIn("DKIM-Signature", "v=1; d=example.org; body")
        self._exit.callback(self.verifier.stop)
        self._exit.callback(self.signer.stop)
        main, master = self._text("main.cf"), self._text("master.cf") + self._replaced(addition.services)
        self.postfix = RecipePostfix(main, master, sink.port, self.ports[25], self.verifier.port)
        self._exit.enter_context(self.postfix)
        self.folder = self.postfix.folder
        document = yaml.safe_load(self._text("gateway.yaml").replace("@FOLDER@", str(self.folder)))
        document["listeners"] = document.get("listeners", []) + yaml.safe_load(self._replaced(addition.listeners))
        self.daemon = self._exit.enter_context(Daemon({}, **document | {"workers": 1}))
        shutil.copytree(store, self.daemon.folder / "state")

    def _text(self, file: str) -> str:
        return self._replaced((SHIPPED / self.name / file).read_text())

    def _replaced(self, text: str) -> str:
        for shipped, ours in self._replacements().items():
            text = text.replace(shipped, ours)
        return text

    def _replacements(self) -> dict[str, str]:
        ports = {f":{number}": f":{port}" for number, port in self.ports.items() if number > 10_000}
        return ports | {
            "smtp      inet": f"127.0.0.1:{self.ports[25]} inet",
            "submission inet": f"127.0.0.1:{self.ports[587]} inet",
            "mailbox.example.org:25": f"127.0.0.1:{self.sink.port}",
            "smime_verifiers =\n": f"smime_verifiers = inet:127.0.0.1:{self.verifier.port}\n",
            "smime_signers =\n": f"smime_signers = inet:127.0.0.1:{self.signer.port}\n",
            "/var/spool/postfix/": "@FOLDER@/queue/",
            "/opt/rt5/bin/rt-mailgate": "@FOLDER@/bin/program",
            "/usr/local/lib/smime-gateway/deliver": "@FOLDER@/bin/deliver",
            "/usr/local/bin": "@FOLDER@/bin",
            "user=smime-gateway": "user=www-data",
        }

    def start(self) -> Self:
        """Start Postfix and the gateway; returns itself."""
        self._furnish()
        if self.name != "process":
            self.daemon.start()
        self.postfix.start()
        self._ended = threading.Event()
        worker = threading.Thread(target=self._serve_command, daemon=True)
        worker.start()
        self._exit.callback(worker.join)
        self._exit.callback(self._ended.set)
        return self

    def _furnish(self) -> None:
        """The programs and folders that the recipe names."""
        (self.folder / "bin").mkdir()
        self._script("program", _PROGRAM)
        self._script("smime-gateway", _COMMAND)
        self._script("deliver", self._replaced((SHIPPED / "process" / "deliver").read_text()))
        for name in ("kept", "jobs"):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(0o777)
        if self.name == "milter":
            self._socket_folder()

    def _socket_folder(self) -> None:
        """What the shipped tmpfiles.d line makes; here the gateway runs as root."""
        line = (SHIPPED / "milter" / "tmpfiles.conf").read_text().splitlines()[-1]
        _, path, mode, _, group, _ = line.split()
        folder = Path(path.replace("/var/spool/postfix", str(self.folder / "queue")))
        folder.mkdir(parents=True)
        shutil.chown(folder, group=group)
        folder.chmod(int(mode, 8))

    def _script(self, name: str, text: str) -> None:
        (self.folder / "bin" / name).write_text(text.replace("@FOLDER@", str(self.folder)))
        (self.folder / "bin" / name).chmod(0o755)

    def _serve_command(self) -> None:
        while not self._ended.wait(0.05):
            for job in [ready.parent for ready in (self.folder / "jobs").glob("*/ready")]:
                (job / "ready").unlink()
                arguments = (job / "arguments").read_text().splitlines()
                with (job / "in").open("rb") as given, (job / "out").open("wb") as out, (job / "err").open("wb") as err:
                    command = self.daemon.command(*arguments)
                    done = subprocess.run(command, stdin=given, stdout=out, stderr=err, timeout=60, check=False)
                (job / "code.part").write_text(str(done.returncode))
                (job / "code.part").rename(job / "code")

    def stop(self) -> None:
        """End everything."""
        self._exit.close()

    # -- mail ---------------------------------------------------------------------------------------------------

    @property
    def door(self) -> int:
        """The port the helpdesk submits to."""
        return self.ports[10025 if self.name in ("smarthost", "pipe") else 587]

    def leaves(self, way: str, letter: Letter, *recipients: str, sender: str = SUPPORT) -> None:
        """Have a letter leave by a way: ``smtp`` or ``sendmail``."""
        if way == "sendmail":
            self.postfix.sendmail(letter.content, *(recipients or (ALICE,)), sender=sender)
            return
        answer = submit(self.door, letter.content, *(recipients or (ALICE,)), sender=sender, mail=("BODY=8BITMIME",))
        assert answer.code == 250, answer

    def arrives(
        self,
        letter: Letter,
        *recipients: str,
        sender: str = ALICE,
        mail: tuple[str, ...] = (),
        rcpt: tuple[str, ...] = (),
    ) -> Answer:
        """Have a letter come in from the world; ``mail`` and ``rcpt`` are further parameters of these commands."""
        to, words = recipients or (SUPPORT,), ("BODY=8BITMIME", *mail)
        return submit(self.ports[25], letter.content, *to, sender=sender, mail=words, rcpt=rcpt)

    def done_with(self, letter: Letter, sender: str) -> None:
        """Wait until nothing of a letter, and no report to its sender, is on its way any more."""
        self.daemon.record(letter.id)
        poll(lambda: sender not in self.postfix.queued(), message="it is still in the queue")

    def arrived(self, letter: Letter) -> bytes:
        """Wait for what the helpdesk got of a letter, and return it."""
        if self.name in ("pipe", "process"):
            return poll(lambda: self._kept(letter.id), message="the program did not get it")
        return self.sink.by_id(letter.id)[0].content

    def arguments(self) -> list[str]:
        """The arguments of the latest call of the helpdesk's program."""
        latest = max((self.folder / "kept").glob("*.arguments"), key=lambda path: path.stat().st_mtime_ns)
        return latest.read_text().splitlines()

    def times(self, letter: Letter) -> int:
        """How often the helpdesk's program was given a letter."""
        return len(self._all_kept(letter.id))

    def _all_kept(self, message_id: str) -> list[bytes]:
        contents = [path.read_bytes() for path in sorted((self.folder / "kept").glob("*.mail"))]
        return [content for content in contents if f"\nMessage-ID: {message_id}\n".encode() in content]

    def _kept(self, message_id: str) -> bytes:
        return next((content.replace(b"\n", b"\r\n") for content in self._all_kept(message_id)), b"")
