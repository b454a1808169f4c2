"""What stands inside an envelope, through a running gateway: delivered whole, and under its own Subject."""

import email
from pathlib import Path

import pytest

from tests.e2e.client import submit
from tests.e2e.conftest import ALICE, People
from tests.e2e.daemon import SUPPORT, Daemon
from tests.e2e.sink import Mail, Sink
from tests.openssl import openssl

HEAD = "From: {author}\r\nTo: {to}\r\nSubject: [...]\r\nMessage-ID: <{id}@customer.example>\r\n"
PROTECTED = (
    f"From: {ALICE}\r\nSubject: Invoice 4711\r\n".encode()
    + b'Content-Type: text/plain; charset=utf-8; hp="cipher"\r\n\r\nPlease check it.\r\n'
)


@pytest.fixture
def folder(tmp_path: Path, people: People) -> Path:
    (tmp_path / "desk.pem").write_bytes(people.issued[SUPPORT].pem())
    (tmp_path / "alice.pem").write_bytes(people.secret(ALICE))
    (tmp_path / "chain.pem").write_bytes(people.authority.intermediate.pem())
    return tmp_path


def encrypt(folder: Path, content: bytes, *options: str) -> bytes:
    (folder / "in").write_bytes(content)
    made = openssl("cms", "-encrypt", *options, "-in", "in", "desk.pem", folder=folder)
    return made.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def deliver(direct: Daemon, sink: Sink, id_: str, entity: bytes) -> Mail:
    content = HEAD.format(author=ALICE, to=SUPPORT, id=id_).encode() + entity
    assert submit(direct.doors["inbound"], content, SUPPORT, sender=ALICE).code == 250
    (mail,) = sink.wait(lambda mail: f"<{id_}@customer.example>".encode() in mail.content)
    return mail


def test_a_text_without_a_header_and_a_file_arrive(direct: Daemon, sink: Sink, folder: Path) -> None:
    """``echo text | openssl cms -encrypt``, the usual script."""
    text = deliver(direct, sink, "bare-text", encrypt(folder, "Grüße, PIN: 4711\n".encode(), "-aes256"))
    read = email.message_from_bytes(text.content)
    assert (read.get_content_type(), read.get_payload(decode=True)) == ("text/plain", "Grüße, PIN: 4711\r\n".encode())
    octets = bytes(range(256))
    file = deliver(direct, sink, "bare-file", encrypt(folder, octets, "-aes256", "-binary"))
    read = email.message_from_bytes(file.content)
    assert (read.get_content_type(), read.get_payload(decode=True)) == ("application/octet-stream", octets)


def test_a_protected_subject_arrives(direct: Daemon, sink: Sink, folder: Path) -> None:
    """Believed where nobody can have changed it, kept aside elsewhere; its text stands in no record and no log."""
    believed = deliver(direct, sink, "authenticated", encrypt(folder, PROTECTED, "-aes-256-gcm"))
    assert believed.field("subject") == b"Invoice 4711"
    assert believed.field("x-smime-gateway-protected-subject") is None
    aside = deliver(direct, sink, "unauthenticated", encrypt(folder, PROTECTED, "-aes256"))
    assert aside.field("subject") == b"[...]"
    assert aside.field("x-smime-gateway-protected-subject") == b"Invoice 4711"
    (folder / "payload").write_bytes(PROTECTED)
    arguments = ("-signer", "alice.pem", "-certfile", "chain.pem", "-binary")
    signature = openssl("cms", "-sign", "-in", "payload", *arguments, folder=folder)
    clear = deliver(direct, sink, "clear-subject", signature.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert clear.field("subject") == b"Invoice 4711"
    assert (clear.field("x-smime-gateway-signature") or b"").startswith(b"pass")
    assert PROTECTED in clear.content
    for id_ in ("authenticated", "unauthenticated", "clear-subject"):
        record = direct.record(f"<{id_}@customer.example>")
        assert record["protected"] == [{"name": "Subject", "inner": None, "outer": None}]
    assert "Invoice" not in direct.log
    assert "Invoice" not in direct.run("log", "--json")
