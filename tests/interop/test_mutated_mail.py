"""Mail that was changed on its way, judged by us and by others under the same root (TST-02).

Bytes change anywhere in the mail or in its MIME header, elements in the CMS under its base64. The others are Python's
MIME reader, which takes the mail apart, and ``openssl cms``, which decrypts and verifies. Whatever passes here must
hold there too, and everybody must show what was signed. The draw is seeded; ``make fuzz`` draws fifty times as many.
"""

import base64
import difflib
import email
import email.policy
import random
import re
import subprocess
from collections.abc import Callable
from email.message import Message

import pytest
from hypothesis import settings

from gateway.asn1 import der
from gateway.asn1.ber import read
from gateway.mail.entity import read_entity
from gateway.pki.holding import Holding
from gateway.pki.key import SoftwareKey
from tests.authority import Authority
from tests.cms.surgery import put
from tests.engine.world import AT, HELPDESK
from tests.inbound.made import Desk, mail, words
from tests.interop.correspondent import Correspondent, Sealing, Signing
from tests.openssl import require_openssl

ENTITY = (
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n"
)
MUTANTS = settings().max_examples
AS_IT_CAME = email.policy.compat32.clone(linesep="\r\n", max_line_length=0, mangle_from_=False)
CLOCK = ("-attime", str(int(AT.timestamp())))
Change = Callable[[random.Random, bytes], bytes]
BASE64 = re.compile(rb"(?<=base64\r\n)(?:[A-Za-z-]+:[^\n]*\r\n)*\r\n([A-Za-z0-9+/=\r\n]+)")


def signing(clear: bool, *options: str) -> Signing:
    detached = () if clear else ("-nodetach",)
    return Signing(clear, ("-sign", "-certfile", "intermediate.pem", *detached, *options), frozenset())


def sealing(*options: str) -> Sealing:
    return Sealing("", ("-encrypt", *options, "-recip", "desk-p256.pem"), True)


SHAPES = {
    "clear, RSA": (signing(True, "-signer", "rsa-2048.pem"),),
    "clear, PSS": (signing(True, "-signer", "rsa-2048.pem", "-keyopt", "rsa_padding_mode:pss"),),
    "clear, EC, bound": (signing(True, "-cades", "-signer", "p256.pem"),),
    "clear, BER": (signing(True, "-stream", "-keyid", "-signer", "p384.pem"),),
    "clear, two signers": (signing(True, "-signer", "p256.pem", "-signer", "rsa-2048.pem"),),
    "clear, bare": (signing(True, "-nocerts", "-cades", "-nosmimecap", "-signer", "p521.pem"),),
    "opaque": (signing(False, "-signer", "p256.pem"),),
    "opaque, BER": (signing(False, "-stream", "-signer", "rsa-2048.pem"),),
    "encrypted, GCM": (sealing("-aes-256-gcm"), signing(True, "-signer", "p256.pem")),
    "encrypted, BER": (sealing("-aes-256-gcm", "-stream"), signing(False, "-signer", "p256.pem")),
}


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Correspondent:
    return Correspondent(tmp_path_factory.mktemp("mutants"), authority)


@pytest.fixture(scope="module")
def helpdesk(authority: Authority, alice: Correspondent) -> Desk:
    """It knows what openssl is told: the root, and the one signer's certificate that its mail does not bring.

    What is carried and damaged can so not be made up for by an intact copy of the store.
    """
    desk = Desk(authority)
    desk.failures_per_hour = 1_000_000
    desk.holdings["known"] = [Holding(alice.people["p521"].certificate, True, has_key=False)]
    reader = alice.people["desk-p256"]
    desk.holdings[HELPDESK].append(Holding(reader.certificate, True, has_key=True))
    desk.private_keys[reader.certificate.public_key_id] = SoftwareKey(reader.private_key)
    return desk


def changed(draw: random.Random, data: bytes) -> bytes:
    """One to three small changes: a bit, a byte, something left out, something twice, something put in."""
    made = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 3])):
        start = draw.randrange(max(len(made), 1))
        end = start + draw.choice([1, 1, 1, 2, 4, 16])
        piece = bytes(made[start:end]) or b"\0"
        made[start:end] = draw.choice(
            [bytes([piece[0] ^ 1 << draw.randrange(8)]), draw.randbytes(1), b"", piece * 2, draw.randbytes(2) + piece]
        )
    return bytes(made)


def anywhere(draw: random.Random, message: bytes) -> bytes:
    return on_the_wire(changed(draw, message))


def in_the_header(draw: random.Random, message: bytes) -> bytes:
    """In the root's MIME fields."""
    start, end = message.index(b"MIME-Version"), message.index(b"\r\n\r\n")
    return on_the_wire(message[:start] + changed(draw, message[start:end]) + message[end:])


def in_the_cms(draw: random.Random, message: bytes) -> bytes:
    """In the structure under the last base64: bytes, or whole elements under lengths that are right again."""
    *_, found = BASE64.finditer(message)
    cms = draw.choice([changed, reshaped])(draw, base64.b64decode(found[1]))
    return message[: found.start(1)] + base64.encodebytes(cms).replace(b"\n", b"\r\n") + message[found.end(1) :]


def reshaped(draw: random.Random, cms: bytes) -> bytes:
    """One element left out, doubled, exchanged for its neighbour, named otherwise or holding something else."""
    path, element = [], read(cms)
    while element.tag & der.CONSTRUCTED and element.children and (not path or draw.random() < 0.9):
        path.append(draw.randrange(len(element.children)))
        parent, element = element, element.children[path[-1]]
    raw, neighbour = bytes(element.raw), bytes(draw.choice(parent.children).raw)
    other = bytes([raw[0] ^ 1 << draw.randrange(8)]) + raw[1:]
    inside = der.tlv(element.tag, changed(draw, bytes(element.value)))
    return put(cms, tuple(path), *draw.choice([(), (raw, raw), (neighbour,), (raw, neighbour), (other,), (inside,)]))


def on_the_wire(message: bytes) -> bytes:
    """A mail server takes no other line ends than CRLF."""
    return re.sub(rb"\r\n|\r|\n", b"\r\n", message)


def shown(content: bytes) -> bytes:
    """What a reader shows of a delivery whose signature passed: the signed entity."""
    entity = read_entity(content)
    if entity.content_type.type == "multipart/signed":
        part = entity.children[0]
        return content[part.start : part.end]
    fields = [entity.header.raw(field) for field in entity.header.fields if field.name.startswith("content-")]
    return b"".join((*fields, b"\r\n", content[entity.body :]))


class Others:
    """Python's MIME reader and openssl."""

    def __init__(self, alice: Correspondent) -> None:
        self.folder = alice.folder

    def show(self, message: bytes) -> bytes | str:
        """What they show of a message; a text says why they show nothing."""
        root = email.message_from_bytes(message)
        verify = ("-verify", "-CAfile", "root.pem", "-certfile", "p521.pem", *CLOCK)
        if root.get_content_type() == "multipart/signed":
            if len(parts := root.get_payload()) != 2:
                return "not two parts"
            content = ("-content", self._write("content", parts[0].as_bytes(policy=AS_IT_CAME)))
            return self._run(parts[1], *verify, "-purpose", "smimesign", *content)
        if root.is_multipart():
            return root.get_content_type()
        opened = self._run(root, "-decrypt", "-recip", "desk-p256.pem")
        return self.show(opened) if isinstance(opened, bytes) else self._run(root, *verify, "-purpose", "smimesign")

    def _run(self, part: Message, *arguments: str) -> bytes | str:
        cms = self._write("mutant", _decoded(part))
        command = [require_openssl(), "cms", *arguments, "-binary", "-inform", "DER", "-in", cms]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False)
        return done.stderr.decode(errors="replace") if done.returncode else done.stdout

    def _write(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return name


CASES = [(shape, how) for shape in SHAPES for how in (anywhere, in_the_header)]
# An envelope's own structure protects nothing: how strictly it is read is not the matter here.
CASES += [(shape, in_the_cms) for shape, steps in SHAPES.items() if len(steps) == 1]


def _decoded(part: Message) -> bytes:
    data: bytes = part.get_payload(decode=True)
    if data.isascii():  # Python gives up where base64 has one letter too many; others drop it
        text = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
        return base64.b64decode(text[: len(text) // 4 * 4])
    return data


@pytest.mark.parametrize(("shape", "how"), CASES)
def test_what_passes_here_holds_elsewhere(alice: Correspondent, helpdesk: Desk, shape: str, how: Change) -> None:
    """TST-02, SIG-01: our pass where others fail, or show something else, is a bug."""
    sealed = ENTITY
    for step in reversed(SHAPES[shape]):
        sealed = alice.seal(sealed, step)
    original, others = mail(sealed), Others(alice)
    assert helpdesk.words(original)[0] == "pass"
    assert others.show(original) == ENTITY
    draw = random.Random(f"{shape} {how.__name__}")
    for number in range(MUTANTS):
        mutant = how(draw, original)
        outcome = helpdesk.receive(mutant)
        if words(outcome)[0] == "pass" and mutant != original:
            assert shown(bytes(outcome.deliveries[0].content)) == ENTITY, difference(original, mutant)
            # Of one person's signatures the best counts here (RFC 4853); openssl asks that all of them hold.
            if all(signer.status == "pass" for signer in outcome.finding.signature.signers):
                assert others.show(mutant) == ENTITY, f"mutant {number}: {difference(original, mutant)}"


def difference(original: bytes, mutant: bytes) -> str:
    """The lines in which two messages differ."""
    lines = [message.decode("latin-1").split("\r\n") for message in (original, mutant)]
    return "\n".join(difflib.unified_diff(*lines, lineterm="", n=0))
