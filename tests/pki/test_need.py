"""What a certificate or key brings to mail that waits."""

import pytest

from gateway.asn1 import der
from gateway.pki.need import Need, NeedKind, brings, by_key_id, by_serial, by_subject
from tests.authority import Authority, Issued


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com", kind="p256")


def names(kind: NeedKind, issued: Issued) -> set[Need]:
    certificate = issued.certificate
    assert certificate.subject_key_id is not None
    return {
        by_serial(kind, certificate.issuer_der, certificate.serial),
        by_key_id(kind, certificate.subject_key_id),
    }


def test_a_certificate_alone_helps_to_verify_and_with_its_key_to_decrypt(alice: Issued) -> None:
    signer, recipient = names(NeedKind.SIGNER, alice), names(NeedKind.RECIPIENT, alice)
    assert brings(alice.certificate, has_key=False) == signer
    assert brings(alice.certificate, has_key=True) == signer | recipient


def test_a_ca_is_an_issuer_besides(authority: Authority) -> None:
    root = authority.root
    met = brings(root.certificate, has_key=False)
    assert by_subject(root.certificate.subject_der) in met
    assert met >= names(NeedKind.SIGNER, root)
    assert {need.kind for need in met} == {NeedKind.SIGNER, NeedKind.ISSUER}


def test_nothing_of_another_is_met(authority: Authority, alice: Issued) -> None:
    other = authority.leaf("alice@example.com", kind="p256")
    assert not brings(alice.certificate, has_key=True) & brings(other.certificate, has_key=True)
    assert not names(NeedKind.SIGNER, alice) & names(NeedKind.RECIPIENT, alice)
    assert not {by_subject(alice.certificate.subject_der)} & brings(alice.certificate, has_key=True)


def test_a_certificate_without_a_key_identifier_is_named_by_its_serial_only(authority: Authority) -> None:
    bare = authority.leaf("alice@example.com", kind="p256", key_ids=False).certificate
    assert brings(bare, has_key=False) == {by_serial(NeedKind.SIGNER, bare.issuer_der, bare.serial)}


def test_names_count_without_string_type_and_case() -> None:
    def name(tag: int, text: str) -> bytes:
        attribute = der.sequence(der.oid("2.5.4.3"), der.tlv(tag, text.encode()))
        return der.sequence(der.tlv(der.SET, attribute))

    plain, other_type = by_subject(name(0x13, "Test Root")), by_subject(name(der.UTF8_STRING, "TEST  root"))
    assert plain == other_type
    assert plain != by_subject(name(0x13, "Test Root 2"))
    assert by_subject(b"no name").value != by_subject(b"no names").value


def test_the_text_is_for_people_only(alice: Issued) -> None:
    assert by_key_id(NeedKind.SIGNER, b"x", "one") == by_key_id(NeedKind.SIGNER, b"x", "two")
