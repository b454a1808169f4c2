"""Inbound messages of 25 MB in BER: indefinite lengths and content in segments of 1 kB, as streaming senders write it.

Opaque-signed and encrypted, in base64 and as binary. Time is CPU time of the engine, against SHA-256 of the same
message; memory is the peak of a fresh process that reads and processes one such message, against its size.
"""

from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path

from benchmarks.arriving import expect, take_in
from benchmarks.engine import cost, process_of
from benchmarks.ground import ALICE, LARGE, SIGNING, Ground, small_mail
from benchmarks.probe import peaks
from benchmarks.ratio import Aim, Row, Sides
from gateway.clock import now
from gateway.cms.content import Buffer
from gateway.cms.enveloped import encrypt
from gateway.cms.signed import Signer, sign_opaque
from gateway.pki.key import SignatureScheme, SoftwareKey
from gateway.pki.kinds import SignatureKind
from gateway.smime.seal import base64_lines
from tests.cms.surgery import streamed

SEGMENT = 1024
LINE = b"Thank you for your message; we have looked into it, and this is one line of it.\r\n"
HEAD = f"From: {ALICE}\r\nTo: {SIGNING}\r\nSubject: large\r\nMIME-Version: 1.0\r\n"
FOUND = {"opaque": ("pass", "none"), "enveloped": ("none", "decrypted")}


def large_mail(ground: Ground, kind: str, encoding: str) -> bytes:
    """Return a message of about 25 MB; ``kind``: opaque or enveloped, ``encoding``: base64 or binary."""
    size = LARGE * 57 // 78 if encoding == "base64" else LARGE
    content = b"Content-Type: text/plain\r\n\r\n" + LINE * (size // len(LINE))
    cms = streamed(b"".join(_cms(ground, kind, content)), SEGMENT)
    smime_type = {"opaque": "signed-data", "enveloped": "enveloped-data"}[kind]
    fields = f"Content-Type: application/pkcs7-mime; smime-type={smime_type}\r\nContent-Transfer-Encoding: {encoding}"
    return b"".join((f"{HEAD}{fields}\r\n\r\n".encode(), base64_lines([cms]) if encoding == "base64" else cms))


def _cms(ground: Ground, kind: str, content: bytes) -> Iterable[Buffer]:
    alice, helpdesk = ground.issued[ALICE], ground.issued[SIGNING]
    if kind == "enveloped":
        return encrypt(content, [helpdesk.certificate], "aes-256-cbc", "pkcs1v15")
    scheme = SignatureScheme(SignatureKind.RSA_PKCS1V15, "sha256")
    signer = Signer(alice.certificate, SoftwareKey(alice.private_key), scheme)
    return sign_opaque(content, signer, [alice.issuers[0].der], now())


def _time(kind: str, encoding: str, ground: Ground) -> Sides:
    process, content = process_of(ground.config), large_mail(ground, kind, encoding)
    return Sides(
        lambda: cost(lambda: expect(take_in(process, content), *FOUND[kind]), 1),
        lambda: cost(lambda: sha256(content).digest(), 1),
    )


def _memory(kind: str, encoding: str, ground: Ground) -> Sides:
    first, file = ground.folder / "first.eml", ground.folder / f"{kind}-{encoding}.eml"
    first.write_bytes(small_mail(ALICE, SIGNING))
    file.write_bytes(large_mail(ground, kind, encoding))
    return Sides(partial(_peak, ground.config, first, file), lambda: file.stat().st_size)


def _peak(config: Path, first: Path, file: Path) -> float:
    return peaks(config, first, [file])[0]


def _rows(kind: str, what: str, encoding: str) -> tuple[Row, Row]:
    suffix = "" if encoding == "base64" else f"-{encoding}"
    time = Row(
        name=f"{kind}{suffix}",
        ours=f"engine, inbound 25 MB {what}, {encoding}",
        theirs="SHA-256 of the message",
        aim=Aim(3, at_most=True),
        show=lambda seconds: f"{seconds * 1000:.0f} ms",
        build=partial(_time, kind, encoding),
        turns=3,
    )
    memory = Row(
        name=f"memory-{kind}{suffix}",
        ours=f"fresh process, peak memory, inbound 25 MB {what}, {encoding}",
        theirs="the message",
        aim=Aim(4, at_most=True),
        show=lambda size: f"{size / 1e6:.0f} MB",
        build=partial(_memory, kind, encoding),
    )
    return time, memory


ROWS = tuple(
    row
    for kind, what in (("opaque", "signed opaque"), ("enveloped", "encrypted"))
    for encoding in ("base64", "binary")
    for row in _rows(kind, what, encoding)
)
