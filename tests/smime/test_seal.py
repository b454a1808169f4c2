"""Sealing: what leaves reads back as what went in, or does not leave at all (OUT-05, OUT-06, OUT-10)."""

import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cms.algorithm import scheme_for
from gateway.cms.signed import Signer
from gateway.mail.header import read_header
from gateway.pki.key import SoftwareKey
from gateway.smime import seal
from tests.authority import Authority, Issued

AT = datetime(2026, 6, 1, tzinfo=UTC)
MAIL = b"From: a@example.org\r\nContent-Type: text/plain\r\nSubject: x\r\n\r\nHello,\r\nall is well.\r\n"
FOREIGN = (
    b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n--b\r\n\r\nx\r\n--b--\r\n"
)


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.leaf("a@example.org", kind="p256")


@pytest.fixture(scope="module")
def signer(issued: Issued) -> Signer:
    return Signer(
        issued.certificate, SoftwareKey(issued.private_key), scheme_for(issued.certificate, "sha256", "pkcs1v15")
    )


def entity_of(content: bytes) -> seal.Entity:
    return seal.take_apart(content, read_header(content))[1]


def flip(data: Any, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def test_taking_apart_loses_nothing() -> None:
    frame, entity = seal.take_apart(MAIL, read_header(MAIL))
    assert frame.before == b"From: a@example.org\r\nMIME-Version: 1.0\r\n"
    assert entity.fields == b"Content-Type: text/plain\r\n"
    assert frame.after == b"Subject: x\r\n"
    assert frame.around(entity) == MAIL.replace(b"Content-Type", b"MIME-Version: 1.0\r\nContent-Type")


def test_two_mime_versions_become_one_and_bcc_goes() -> None:
    content = b"MIME-Version: 1.0\r\nBcc: x@y\r\nmime-version: 1.0\r\nResent-Bcc: z@y\r\nX: 1\r\n\r\nbody"
    frame, _ = seal.take_apart(content, read_header(content))
    assert frame.before + frame.after == b"MIME-Version: 1.0\r\nX: 1\r\n"


def test_the_signed_part_of_clean_mail_is_the_bytes_that_came(signer: Signer) -> None:
    _, content, _ = seal.sign(entity_of(MAIL), signer, (), AT).body
    assert content == b"Content-Type: text/plain\r\n\r\nHello,\r\nall is well.\r\n"


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_base64_lines(pieces: list[bytes]) -> None:
    text = bytes(seal.base64_lines(pieces))
    assert binascii.a2b_base64(text) == b"".join(pieces)
    lines = text.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) == 76 for line in lines[:-1])
    assert all(0 < len(line) <= 76 for line in lines)


def test_base64_lines_of_more_than_a_window() -> None:
    data = bytes(range(256)) * 3000
    assert binascii.a2b_base64(seal.base64_lines([data, data])) == data + data


# OUT-10: one changed byte anywhere on the way out, and the message does not leave.


def clear_with(change: Callable[[bytes, bytes, bytes], tuple[bytes, bytes, bytes]], whole: Any) -> Any:
    def broken(*arguments: Any) -> seal.Entity:
        entity = whole(*arguments)
        head, content, tail = (bytes(piece) for piece in entity.body)
        return seal.Entity(entity.fields, change(head, content, tail))

    return broken


@pytest.mark.parametrize(
    "change",
    [
        lambda head, content, tail: (head, flip(content), tail),
        lambda head, content, tail: (head, content + b"\r\n", tail),
        lambda head, content, tail: (flip(head, -3), content, tail),
        lambda head, content, tail: (head, content, flip(tail, 5)),
        lambda head, content, tail: (head, content, tail.replace(b"MI", b"NI", 1)),
        lambda head, content, tail: (head, content, tail[:-40] + flip(tail[-40:], 0)),
        lambda head, content, tail: (head, content, tail[:-90] + b"A" + tail[-89:]),
        lambda head, content, tail: (head, content, tail[:-10]),
    ],
)
def test_out_10_a_broken_clear_signature_never_leaves(
    change: Any, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "_clear", clear_with(change, seal._clear))
    with pytest.raises(seal.SealFault):
        seal.sign(entity_of(MAIL), signer, (), AT)


@pytest.mark.parametrize("at", [40, 400, -30])
def test_out_10_a_broken_opaque_signature_never_leaves(
    at: int, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = seal.base64_lines
    monkeypatch.setattr(
        seal, "base64_lines", lambda pieces: original([flip(b"".join(bytes(piece) for piece in pieces), at)])
    )
    with pytest.raises(seal.SealFault):
        seal.sign(entity_of(FOREIGN), signer, (), AT)


@pytest.mark.parametrize("cipher", ["aes-256-cbc", "aes-256-gcm"])
@pytest.mark.parametrize("at", [30, -1, -40])
def test_out_10_a_broken_encryption_never_leaves(
    cipher: str, at: int, issued: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = seal.base64_lines
    monkeypatch.setattr(
        seal, "base64_lines", lambda pieces: original([flip(b"".join(bytes(piece) for piece in pieces), at)])
    )
    own = (issued.certificate, SoftwareKey(issued.private_key))
    with pytest.raises(seal.SealFault):
        seal.encrypt(entity_of(MAIL), [issued.certificate], cipher, "pkcs1v15").checked(own)


def test_a_boundary_that_occurs_in_the_content_is_noticed(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    def colliding(content: bytes, *rest: Any) -> seal.Entity:
        fields = b'Content-Type: multipart/signed; boundary="all"\r\n'
        return seal.Entity(fields, (b"\r\n--all\r\n", content + b"\r\n--all", b"\r\n--all\r\n\r\n\r\n--all--\r\n"))

    monkeypatch.setattr(seal, "_clear", colliding)
    with pytest.raises(seal.SealFault, match="boundary"):
        seal.sign(entity_of(MAIL), signer, (), AT)
