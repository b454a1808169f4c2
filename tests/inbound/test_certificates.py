"""Signers' certificates as the field has them: what is there is never said to be absent, and a leaf is not all."""

from typing import Any

import pytest

from gateway.asn1 import der
from gateway.pki.validation import Strictness
from gateway.reason import Reason
from tests.authority import SERVER_AUTH, Authority, Issued
from tests.inbound.made import ALICE, TEXT, Desk, attributes, clear, mail, signed, signed_data, signer_info
from tests.pki import odd
from tests.pki.odd import Edit, put, signed_again


class Odd:
    """An issued certificate with another DER."""

    def __init__(self, issued: Issued, data: bytes) -> None:
        self.der, self.certificate, self.private_key = data, issued.certificate, issued.private_key


def from_alice(authority: Authority, edit: Edit) -> bytes:
    """A mail whose signer's certificate is edited; the signature names it as it was."""
    alice = authority.leaf(ALICE, kind="p256")
    edited: Any = Odd(alice, signed_again(alice.der, authority.intermediate, edit))
    info = signer_info(alice, attributes(TEXT))
    return mail(clear(TEXT, signed_data([info], [edited, authority.intermediate])))


def found(desk: Desk, content: bytes) -> tuple[str, str | None, str | None]:
    signature: Any = desk.receive(content).finding.signature
    (signer,) = signature.signers
    return signature.status, signature.reason, signer.detail


def test_a_certificate_that_cannot_be_read_is_not_absent(desk: Desk, authority: Authority) -> None:
    unknown_key = der.sequence(der.sequence(der.oid("1.2.3.4")), der.tlv(der.BIT_STRING, b"\0x"))
    cases: dict[tuple[str, Reason], Edit] = {
        ("neutral", Reason.MALFORMED): put(4, der.sequence(der.octets(b"x"), der.octets(b"y"))),
        ("neutral", Reason.UNSUPPORTED_ALGORITHM): put(6, unknown_key),
    }
    for (status, reason), edit in cases.items():
        said, why, detail = found(desk, from_alice(authority, edit))
        assert (said, why) == (status, reason)
        assert detail is not None and detail.startswith("the signer's certificate: ") and detail.isprintable()


def test_nor_is_an_issuers(desk: Desk, authority: Authority) -> None:
    alice = authority.leaf(ALICE, kind="p256")
    edit = put(4, der.sequence(der.octets(b"x"), der.octets(b"y")))
    broken: Any = Odd(authority.intermediate, signed_again(authority.intermediate.der, authority.root, edit))
    info = signer_info(alice, attributes(TEXT))
    said, why, detail = found(desk, mail(clear(TEXT, signed_data([info], [alice, broken]))))
    assert (said, why) == ("neutral", Reason.MALFORMED)
    assert detail is not None and detail.startswith("an issuer's certificate: ")
    assert found(desk, mail(clear(TEXT, signed_data([info], [alice]))))[:2] == ("policy", Reason.NO_PATH)


def test_another_unreadable_certificate_is_nobodys(desk: Desk, authority: Authority) -> None:
    other = put(odd.SERIAL, der.integer(7))
    broken = put(4, der.sequence(der.octets(b"x"), der.octets(b"y")))
    said, why, detail = found(desk, from_alice(authority, lambda fields: broken(other(fields))))
    assert (said, why) == ("permerror", Reason.NO_CERTIFICATE)
    assert detail is not None and detail.startswith("not stored: issuer=CN=Test Intermediate,O=Test Authority serial=")
    assert found(desk, from_alice(authority, put(3, der.octets(b"x"))))[1] is Reason.NO_CERTIFICATE


def test_an_odd_name_is_no_fault(desk: Desk, authority: Authority) -> None:
    edit = put(odd.SUBJECT, odd.name((odd.COMMON_NAME, der.tlv(0x13, "Bj\u00fcrn & S\u00f6hne".encode("latin-1")))))
    assert found(desk, from_alice(authority, edit)) == ("pass", None, None)


@pytest.mark.parametrize("legacy", [False, True])
def test_md5_in_a_certificates_signature_is_policy(legacy: bool) -> None:
    rsa = Authority("rsa-2048")
    leaf = rsa.leaf(ALICE, kind="p256", digest="md5")
    desk = Desk(rsa)
    desk.strictness = Strictness(accept_legacy=legacy)
    assert found(desk, mail(signed(TEXT, leaf)))[:2] == ("policy", Reason.WEAK_ALGORITHM)


def test_an_intermediate_for_something_else_is_policy(desk: Desk, authority: Authority) -> None:
    narrow = authority.ca("Narrow", issuer=authority.root, extended_key_usage=(SERVER_AUTH,))
    leaf = authority.leaf(ALICE, issuer=narrow, kind="p256")
    status, reason, detail = found(desk, mail(signed(TEXT, leaf)))
    assert (status, reason) == ("policy", Reason.WRONG_USAGE)
    assert detail is not None and "extended key usage" in detail
