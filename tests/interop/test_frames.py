"""Whoever frames what Alice once signed: where we say ``pass``, every reader shows what she signed, and as hers.

The judges are the readers that helpdesks are built on. What a reader shows of an honest frame is what it has to show of
every other one that passes.
"""

import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.authority import Authority
from tests.inbound.made import (
    ALICE,
    HELPDESK,
    MALLORY,
    Desk,
    compressed,
    encrypted,
    multipart,
    opaque,
    p7m,
    signature,
    signed,
    words,
)
from tests.interop.frames import FRAMES, USUAL, Frame
from tests.interop.readers.reader import Leaf, Reader

PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n\r\nPlease keep my account.\r\n-- \r\nAlice"
HTML = b"Content-Type: text/html\r\n\r\n<p>Please keep it.</p>\r\n"
QUOTED = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=2D-b0=\r\n--\r\n"
ATTACHED = b"Content-Type: message/rfc822\r\n\r\nFrom: bob@example.org\r\n\r\nPay.\r\n"
CONTENTS = [
    PLAIN,
    PLAIN + b"\r\n",
    b"\r\nNo header.\r\n",
    HTML,
    QUOTED,
    PLAIN + b"\r\n--b0x\r\nFrom: bob\r\n\r\nForwarded.\r\n",
    PLAIN + b"\r\n --B0 and more\r\n",
    multipart(PLAIN, HTML, kind="alternative", boundary="b1"),
    multipart(PLAIN, HTML, kind="alternative", boundary="b"),
    multipart(PLAIN, HTML, boundary="b0x"),
    multipart(PLAIN, ATTACHED, boundary="_b0_"),
    multipart(QUOTED, QUOTED, boundary="B0"),
    b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe\r\n",
]
WRAPS = ["bare"] * 6 + ["encrypted", "compressed", "opaque", "signed"]
"""Inside what the frame comes; Mallory signs, too, but not as the author."""

Shown = list[list[Leaf]]


class Bench:
    """Alice's signatures, a helpdesk, and the readers."""

    def __init__(self, authority: Authority, readers: list[Reader]) -> None:
        self.desk = Desk(authority)
        self.mallory = authority.leaf(MALLORY, kind="p256")
        alice = authority.leaf(ALICE, kind="p256")
        self.signed = [(content, signature(content, alice)) for content in CONTENTS]
        self.readers = readers
        self.wanted: dict[tuple[int, str], list[Shown]] = {}

    def message(self, frame: Frame, number: int, wrap: str) -> bytes:
        """A mail of Alice's with one of her contents in a frame, perhaps in something else."""
        entity = frame.around(*self.signed[number])
        if wrap == "encrypted":
            entity = encrypted(entity, self.desk.certificate)
        elif wrap == "compressed":
            entity = p7m(compressed(zlib.compress(entity)))
        elif wrap == "opaque":
            entity = opaque(entity, self.mallory)
        elif wrap == "signed":
            entity = signed(entity, self.mallory, boundary="outer")
        lines = [b"From: %s" % ALICE.encode(), b"To: %s" % HELPDESK.encode(), frame.outer, b"MIME-Version: 1.0"]
        return b"".join(line + b"\r\n" for line in lines if line is not None) + entity

    def delivered(self, frame: Frame, number: int, wrap: str) -> bytes | None:
        """What the helpdesk gets; None where it is no ``pass``."""
        outcome = self.desk.receive(self.message(frame, number, wrap))
        return bytes(outcome.deliveries[0].content) if words(outcome)[0] == "pass" else None

    def others(self, message: bytes, number: int, wrap: str) -> list[str]:
        """What a reader makes of a message that passed, where it is not what it makes of an honest one."""
        if (number, wrap) not in self.wanted:
            honest = self.delivered(USUAL, number, wrap)
            assert honest is not None
            self.wanted[number, wrap] = [texts(reader.read(honest).shown) for reader in self.readers]
        found = []
        for reader, wanted in zip(self.readers, self.wanted[number, wrap], strict=True):
            read = reader.read(message)
            shown = texts(read.shown)
            found += [f"{reader.name} shows {shown}"] if shown != wanted else []
            found += [f"{reader.name} takes {read.authors}"] if set(read.authors) != {(ALICE,)} else []
        return found


def texts(shown: tuple[tuple[Leaf, ...], ...]) -> Shown:
    """What every reading shows beside signatures."""
    return [[leaf for leaf in leaves if not is_signature(leaf)] for leaves in shown]


def is_signature(leaf: Leaf) -> bool:
    """Whether nobody takes it for a text: its label and name, and what is in it."""
    label = leaf.type in ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/octet-stream")
    name = (leaf.name or ".p7s").lower().endswith((".p7s", ".p7m", ".p7c"))
    return label and name and leaf.body.startswith(b"\x30\x82")


@pytest.fixture(scope="module")
def bench(authority: Authority, readers: list[Reader]) -> Bench:
    return Bench(authority, readers)


def test_what_is_compared(bench: Bench) -> None:
    """TST-02: every reader shows what was signed of an honest frame, and nothing of its signature."""
    message = bench.delivered(USUAL, 0, "bare")
    assert message is not None
    for reader in bench.readers:
        for leaves in texts(reader.read(message).shown):
            assert [leaf.type for leaf in leaves] == ["text/plain"], reader.name
            assert leaves[0].body.startswith(b"Please keep my account."), reader.name


@pytest.mark.parametrize("wrap", sorted(set(WRAPS)))
@pytest.mark.parametrize("number", range(len(CONTENTS)))
def test_honest_frames_pass(bench: Bench, number: int, wrap: str) -> None:
    """SIG-01: in every wrap; nobody sees another author."""
    message = bench.delivered(USUAL, number, wrap)
    assert message is not None
    assert not bench.others(message, number, wrap)


@settings(max_examples=settings().max_examples * 3, suppress_health_check=list(HealthCheck), deadline=None)
@given(frame=FRAMES, number=st.integers(0, len(CONTENTS) - 1), wrap=st.sampled_from(WRAPS))
def test_pass_is_what_every_reader_sees(bench: Bench, frame: Frame, number: int, wrap: str) -> None:
    """SIG-01, TST-02: where we say pass, nobody shows anything that Alice did not sign, or takes another author."""
    message = bench.delivered(frame, number, wrap)
    if message is not None:
        assert not bench.others(message, number, wrap), message.decode("latin-1")
