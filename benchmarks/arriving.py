"""Inbound mail of 10 kB through the engine, over a real store whose certificates and keys are in memory by then.

The customer's mail is signed, then encrypted, as most programs do it. Against one private operation with the same key,
and against the two ``openssl cms`` processes that do the same; CPU time as in ``engine``. Several mails go round, each
with boundaries and keys of its own, so that nothing is remembered that would not be in real traffic.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from benchmarks.engine import PROCESSES, TIMES, Process, cost, process_of, run
from benchmarks.ground import ALICE, SIGNING, Ground, small_mail
from benchmarks.load import program
from benchmarks.ratio import Aim, NotMeasured, Row, Sides
from gateway.clock import new_id, now
from gateway.cms.signed import Signer
from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction, Verdict
from gateway.mail.envelope import Envelope, Recipient
from gateway.mail.header import read_header
from gateway.pki.key import SignatureScheme, SoftwareKey
from gateway.pki.kinds import SignatureKind
from gateway.smime.seal import encrypt, sign, take_apart

MAILS = 20


def take_in(process: Process, content: bytes) -> Outcome:
    """Have the engine take one mail in, from Alice to the helpdesk."""
    client, envelope = Client("127.0.0.1", helo="mx.example.com"), Envelope(ALICE, (Recipient(SIGNING),))
    transaction = Transaction(new_id(), Direction.INBOUND, FrontEnd.SMTP, "inbound", client, envelope, content, now())
    return process(transaction)


def sealed(ground: Ground, content: bytes, cipher: str | None) -> bytes:
    """Return a message of Alice's as she seals it for the helpdesk: signed, then encrypted."""
    if cipher is None:
        return content
    alice, helpdesk = ground.issued[ALICE], ground.issued[SIGNING]
    scheme = SignatureScheme(SignatureKind.RSA_PKCS1V15, "sha256")
    signer = Signer(alice.certificate, SoftwareKey(alice.private_key), scheme)
    frame, entity = take_apart(content, read_header(content))
    signed = sign(entity, signer, [alice.issuers[0].der], now())
    return frame.around(encrypt(signed, [helpdesk.certificate, alice.certificate], cipher, "pkcs1v15").checked(None))


def expect(outcome: Outcome, status: str, encryption: str) -> None:
    """Make sure that the engine found what is measured. Raises ``NotMeasured``."""
    found = outcome.finding.signature.status, outcome.finding.encryption.status
    if outcome.verdict is not Verdict.RELAY or found != (status, encryption):
        raise NotMeasured(f"the engine found {' and '.join(map(str, found))}, not {status} and {encryption}")


def _mails(ground: Ground, cipher: str | None) -> Iterator[bytes]:
    """Yield mails, the same few again and again."""
    contents = (small_mail(ALICE, SIGNING, f"----=_NextPart_000_{n:04d}_01DC2F4A.7E5B3C10") for n in range(MAILS))
    return cycle([sealed(ground, content, cipher) for content in contents])


def opening(ground: Ground, cipher: str | None) -> Callable[[], None]:
    """Return what has the engine open one mail; ``cipher`` None: a mail in which there is nothing to open."""
    process, mails = process_of(ground.config), _mails(ground, cipher)
    found = ("none", "none") if cipher is None else ("pass", "decrypted")
    return lambda: expect(take_in(process, next(mails)), *found)


def _against_operation(cipher: str | None, ground: Ground) -> Sides:
    open_one = opening(ground, cipher)
    key = ground.issued[SIGNING].private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    scheme = padding.PKCS1v15()
    wrapped = key.public_key().encrypt(os.urandom(32), scheme)
    return Sides(lambda: cost(open_one, TIMES), lambda: cost(lambda: key.decrypt(wrapped, scheme), TIMES))


def _against_processes(ground: Ground) -> Sides:
    open_one, openssl = opening(ground, "aes-256-cbc"), program("openssl")
    folder = ground.folder
    (folder / "sealed.eml").write_bytes(next(_mails(ground, "aes-256-cbc")))
    decrypt = ["-decrypt", "-in", "sealed.eml", "-recip", "signing.pem", "-inkey", "signing.key", "-out", "signed.eml"]
    verify = ["-verify", "-in", "signed.eml", "-CAfile", "root.pem", "-out", "plain.eml"]
    commands = [
        [openssl, "cms", *(str(folder / word) if "." in word else word for word in words)]
        for words in (decrypt, verify)
    ]

    def both() -> None:
        for command in commands:
            run(command)

    return Sides(lambda: 1 / cost(open_one, TIMES), lambda: 1 / cost(both, PROCESSES))


def _row(name: str, what: str, cipher: str | None) -> Row:
    return Row(
        name=name,
        ours=f"engine, CPU per inbound 10 kB, {what}",
        theirs="bare RSA-2048 decryption",
        aim=None if cipher is None else Aim(2, at_most=True),
        show=lambda seconds: f"{seconds * 1000:.3f} ms",
        build=partial(_against_operation, cipher),
        turns=5,
    )


ROWS = (
    _row("arrive", "nothing to open", None),
    _row("open", "signed and encrypted (CBC)", "aes-256-cbc"),
    _row("open-gcm", "signed and encrypted (GCM)", "aes-256-gcm"),
    Row(
        name="open-openssl",
        ours="engine, inbound 10 kB opened and judged per CPU second",
        theirs="two `openssl cms` processes per mail",
        aim=Aim(10),
        show=lambda rate: f"{rate:.0f}/s",
        build=_against_processes,
        turns=2,
    ),
)
