"""Which certificates a saved mail brings."""

import pytest

from gateway.cms.rejected import Rejected
from gateway.errors import Malformed
from gateway.reason import Reason
from gateway.smime.signers import is_mail, signers_of
from tests.authority import Authority, Issued
from tests.inbound import made
from tests.inbound.made import ALICE, TEXT, attributes, clear, mail, multipart, opaque, signed, signed_data, signer_info


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf(ALICE, kind="p256")


def reason_of(file: bytes) -> Reason:
    with pytest.raises(Rejected) as caught:
        signers_of(file)
    return caught.value.reason


def test_the_signers_certificate_and_none_of_those_along(alice: Issued) -> None:
    for entity in (signed(TEXT, alice), opaque(TEXT, alice)):
        assert signers_of(mail(entity)) == [alice.certificate]


def test_as_it_is_saved(alice: Issued) -> None:
    content = mail(signed(TEXT, alice))
    for file in (
        content.replace(b"\r\n", b"\n"),
        b"From alice@example.com Mon Jun  1 12:00:00 2026\n" + content.replace(b"\r\n", b"\n"),
        b"From alice@example.com Mon Jun  1 12:00:00 2026\r\n" + content,
    ):
        assert is_mail(file) and signers_of(file) == [alice.certificate]


def test_only_the_signer_whose_subject_alternative_name_is_the_from(authority: Authority, alice: Issued) -> None:
    bob = authority.leaf("bob@example.com", kind="p256")
    assert signers_of(mail(signed(TEXT, bob, alice))) == [alice.certificate]
    assert reason_of(mail(signed(TEXT, bob))) is Reason.ADDRESS_MISMATCH
    in_subject = authority.leaf(subject_addresses=(ALICE,), kind="p256")
    assert reason_of(mail(signed(TEXT, in_subject))) is Reason.ADDRESS_MISMATCH
    two = mail(signed(TEXT, alice), author=f"{ALICE}, bob@example.com")
    assert reason_of(two) is Reason.ADDRESS_MISMATCH


def test_nobody_is_brought_by_a_signature_that_does_not_hold(authority: Authority, alice: Issued) -> None:
    assert reason_of(mail(signed(TEXT, alice)).replace(made.CANARY, b"Something else")) is Reason.ALTERED
    mallory = authority.leaf("mallory@example.com", kind="p256")
    forged = signer_info(alice, attributes(TEXT), key=mallory.private_key)
    assert reason_of(mail(clear(TEXT, signed_data([forged], [alice])))) is Reason.BAD_SIGNATURE
    absent = signed_data([signer_info(alice, attributes(TEXT))], [mallory])
    assert reason_of(mail(clear(TEXT, absent))) is Reason.NO_CERTIFICATE
    nobodys = signed_data([], [alice])
    assert reason_of(mail(clear(TEXT, nobodys))) is Reason.NO_CERTIFICATE


def test_what_is_not_signed_as_a_whole(alice: Issued) -> None:
    assert signers_of(mail(TEXT)) is None
    assert signers_of(mail(multipart(signed(TEXT, alice), TEXT))) is None
    assert is_mail(mail(TEXT))
    with pytest.raises(Malformed):
        signers_of(mail(clear(TEXT, b"0\x03abc")))


@pytest.mark.parametrize("file", [b"", b"\x30\x82", b"no field", b"X: y\n\nFrom: a@b\n", b"dn: cn=x\nmail: a@b\n"])
def test_what_is_no_mail(file: bytes) -> None:
    assert not is_mail(file) and signers_of(file) is None


def test_a_signature_in_an_envelope_is_not_looked_for(authority: Authority, alice: Issued) -> None:
    assert signers_of(mail(made.encrypted(signed(TEXT, alice), authority.leaf("x@example.com")))) is None
