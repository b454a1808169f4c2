"""Load by Postfix's own generator: it ends at the first reply it does not like, so its exit code says it all."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import ALICE, People
from tests.e2e.daemon import SUPPORT, Daemon, free_port, poll
from tests.e2e.postfix import Postfix
from tests.e2e.sink import Mail, Sink
from tests.openssl import Witness

pytestmark = pytest.mark.postfix

SESSIONS, MESSAGES = 8, 300


def generate(port: int, recipient: str, *options: str) -> None:
    """Send ``MESSAGES`` messages of 10 kB over ``SESSIONS`` sessions."""
    command = [
        "/usr/sbin/smtp-source",
        "-s",
        str(SESSIONS),
        "-m",
        str(MESSAGES),
        "-l",
        "10000",
        "-f",
        SUPPORT,
        "-t",
        recipient,
    ]
    done = subprocess.run(
        [*command, *options, f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def signed(content: bytes) -> bool:
    return b"Content-Type: multipart/signed" in content.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("options", [(), ("-d",)], ids=["connection-each", "kept-alive"])
def test_through_postfix(
    options: tuple[str, ...], relayed: Daemon, sink: Sink, people: People, witness: Witness
) -> None:
    """Every message arrives once, signed; every tenth is verified by openssl."""
    recipient = f"load{len(options)}@example.com"
    generate(relayed.doors["outbound"], recipient, *options)

    def wanted(mail: Mail) -> bool:
        return mail.recipients == (recipient,)

    mails = sink.wait(wanted, MESSAGES, 60)
    assert len(mails) == MESSAGES
    assert all(signed(mail.content) for mail in mails)
    assert len({mail.field("message-id") for mail in mails}) == MESSAGES
    for mail in mails[::10]:
        witness.verify(mail.content, people.authority.root.pem())


@pytest.fixture
def dump(postfix: Postfix) -> Iterator[tuple[int, Path]]:
    """smtp-sink, with the port it listens on and the file it writes all mail to."""
    port, folder = free_port(), postfix.folder / "dump"
    folder.mkdir()
    shutil.chown(folder, "postfix")
    command = ["/usr/sbin/smtp-sink", "-u", "postfix", "-D", str(folder / "mail"), f"127.0.0.1:{port}", "100"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            yield port, folder / "mail"
        finally:
            process.terminate()


def test_to_smtp_sink(dump: tuple[int, Path], people: People) -> None:
    """Signed and encrypted, as fast as it goes; all at the same next hop on kept connections."""
    port, file = dump
    with Daemon({"outbound": port}) as daemon:
        people.introduce(daemon)
        daemon.start()
        generate(daemon.doors["outbound"], ALICE)

        def arrived() -> int:
            return file.read_bytes().count(b"smime-type=enveloped-data")

        poll(lambda: arrived() >= MESSAGES, message="not every message arrived encrypted")
        assert arrived() == MESSAGES
        assert "error" not in daemon.log
