"""What a message teaches: the certificate of the signer who passed, for the address in From, and nothing else."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.asn1 import der
from gateway.cms.attribute import KEY_PREFERENCE, SMIME_CAPABILITIES
from gateway.cms.identity import issuer_and_serial
from gateway.cms.parameter import capabilities
from gateway.engine.transaction import Lesson
from gateway.pki.validation import Revocation, Strictness
from gateway.policy.rule import Rules
from tests.authority import Authority, Issued
from tests.engine.world import HELPDESK
from tests.inbound import made
from tests.inbound.made import ALICE, MALLORY, TEXT, Desk, mail, multipart, signed

ENCRYPTING = ("keyAgreement",)


def lesson(desk: Desk, entity: bytes, *fields: str, author: str = ALICE) -> Lesson | None:
    return desk.receive(mail(entity, *fields, author=author)).learn


def taught(issued: Issued, author: str = ALICE) -> Lesson:
    """What a certificate two steps below its anchor teaches, without capabilities."""
    return Lesson(author, issued.certificate, intermediates=(issued.issuers[0].certificate,))


def bag(signer: Issued, *others: Issued, attributes: tuple[bytes, ...] = ()) -> bytes:
    """A signature by ``signer`` with these attributes more, and certificates of others beside it."""
    info = made.signer_info(signer, [*made.attributes(TEXT), *attributes])
    return made.clear(TEXT, made.signed_data([info], [*others, signer, *signer.issuers[:-1]]))


def preference(value: bytes) -> bytes:
    return made.attribute(KEY_PREFERENCE, value)


def by_serial(issued: Issued) -> bytes:
    return b"\xa0" + issuer_and_serial(issued.certificate)[1:]


def by_key_id(issued: Issued) -> bytes:
    return der.tlv(0xA1, der.octets(issued.certificate.subject_key_id or b""))


def by_short_key_id(issued: Issued) -> bytes:
    return der.tlv(0x82, issued.certificate.subject_key_id or b"")


# the signer


def test_crt_05_the_signer_is_learned_for_the_address_in_from(desk: Desk, alice: Issued) -> None:
    """CRT-05: clear, opaque and inside an envelope alike."""
    expected = taught(alice)
    assert lesson(desk, signed(TEXT, alice)) == expected
    assert lesson(desk, made.opaque(TEXT, alice)) == expected
    assert lesson(desk, made.encrypted(signed(TEXT, alice), desk.certificate)) == expected


def test_crt_05_of_several_addresses_the_one_in_from_counts(desk: Desk, authority: Authority) -> None:
    """CRT-05: a certificate for many addresses is learned for the one that wrote."""
    many = authority.leaf("office@example.com", ALICE, kind="p256")
    assert lesson(desk, signed(TEXT, many), author="Alice <alice@Example.com>") == taught(many, "alice@Example.com")


def test_crt_05_other_certificates_in_the_bag_teach_nothing(desk: Desk, authority: Authority, alice: Issued) -> None:
    """CRT-05: a certificate of the attacker's for the victim's address, valid or not, in a good signature."""
    victim = authority.leaf("victim@example.org", kind="p256")
    same = authority.leaf(ALICE, kind="p256", common_name="Another Alice")
    forged = authority.self_signed("victim@example.org", kind="p256")
    assert lesson(desk, bag(alice, victim, same, forged)) == taught(alice)


def test_crt_05_what_does_not_pass_teaches_nothing(desk: Desk, alice: Issued, mallory: Issued) -> None:
    """CRT-05: nor does a signature below the root, over ciphertext only, or beside one that fails."""
    good = signed(TEXT, alice)
    for entity in (
        good.replace(b"printer", b"toaster"),
        signed(TEXT, mallory),
        signed(TEXT, alice, mallory),
        multipart(good, TEXT),
        signed(made.encrypted(TEXT, desk.certificate), alice, boundary="t"),
        TEXT,
    ):
        assert lesson(desk, entity) is None
    assert lesson(desk, good, "From: mallory@example.net") is None
    desk.anchors = []
    assert lesson(desk, good) is None


def test_crt_05_what_is_left_closed_teaches_nothing(desk: Desk, alice: Issued) -> None:
    """CRT-05: where a message is not opened for its recipients, nothing of its inside is used."""
    sealed = mail(made.encrypted(signed(TEXT, alice), desk.certificate))
    assert desk.receive(sealed, "sales@example.org").learn is None
    assert desk.receive(sealed, HELPDESK, "sales@example.org", can_split=False).learn is None
    assert desk.receive(sealed, HELPDESK, "sales@example.org").learn is not None


@pytest.mark.parametrize(
    "make",
    [
        lambda authority: authority.leaf(ALICE, kind="ed25519"),
        lambda authority: authority.leaf(ALICE, kind="p256", key_usage=("digitalSignature",)),
        lambda authority: authority.leaf(subject_addresses=[ALICE], kind="p256"),
        lambda authority: authority.leaf(ALICE, kind="brainpool256"),
        lambda authority: authority.leaf(ALICE, kind="p256", extended_key_usage=("2.5.29.37.0",)),
    ],
    ids=["ed25519", "signs only", "address in the subject", "curve", "any usage"],
)
def test_what_nobody_could_be_encrypted_to_is_not_learned(
    desk: Desk, authority: Authority, make: Callable[[Authority], Issued]
) -> None:
    signer = make(authority)
    entity = signed(TEXT, signer) if signer.certificate.key_kind == "ec" else _ed25519(signer)
    outcome = desk.receive(mail(entity))
    assert outcome.finding.signature.status == "pass"
    assert outcome.learn is None


def _ed25519(signer: Issued) -> bytes:
    from gateway.cms.algorithm import scheme_for
    from gateway.cms.signed import Signer, sign_opaque
    from gateway.pki.key import SoftwareKey
    from tests.engine.world import AT

    who = Signer(signer.certificate, SoftwareKey(signer.private_key), scheme_for(signer.certificate, "sha256", "pss"))
    chain = [issuer.der for issuer in signer.issuers[:-1]]
    return made.p7m(b"".join(sign_opaque(TEXT, who, chain, AT)))


# what the signer prefers


@pytest.mark.parametrize("name", [by_serial, by_key_id, by_short_key_id])
def test_crt_05_a_preferred_certificate_of_the_same_author(
    desk: Desk, authority: Authority, alice: Issued, name: Callable[[Issued], bytes]
) -> None:
    """CRT-05, RFC 8551 §2.5.3: one for encryption beside one for signing, by each of the three ways to name it."""
    other = authority.leaf(ALICE, kind="p256", key_usage=ENCRYPTING)
    entity = bag(alice, other, attributes=(preference(name(other)),))
    assert lesson(desk, entity) == taught(other)
    assert lesson(desk, bag(alice, attributes=(preference(name(alice)),))) == taught(alice)
    assert lesson(desk, bag(alice, attributes=(preference(name(other)),))) is None


def test_crt_05_a_preferred_certificate_must_hold_too(desk: Desk, authority: Authority, alice: Issued) -> None:
    """CRT-05: another's address, no path, out of date, weak or forged: then nothing is learned at all."""
    elsewhere, past = Authority(name="Elsewhere"), alice.certificate.not_before
    refused = [
        authority.leaf(MALLORY, kind="p256", key_usage=ENCRYPTING),
        elsewhere.leaf(ALICE, kind="p256", key_usage=ENCRYPTING),
        authority.self_signed(ALICE, kind="p256", key_usage=ENCRYPTING),
        authority.leaf(ALICE, kind="p256", not_before=past, not_after=past),
        authority.leaf(ALICE, kind="rsa-1024", key_usage=("keyEncipherment",)),
        authority.leaf(ALICE, kind="p256", broken_signature=True),
    ]
    for other in refused:
        entity = bag(alice, other, *elsewhere.leaf("x@y.example").issuers, attributes=(preference(by_serial(other)),))
        outcome = desk.receive(mail(entity))
        assert outcome.finding.signature.status == "pass"
        assert outcome.learn is None


def test_a_preference_that_cannot_be_read_is_none(desk: Desk, alice: Issued) -> None:
    for value in (der.octets(b"x"), b"\xa0\x02\x05\x00", der.tlv(0xA1), der.sequence(), der.tlv(0x83, b"x")):
        assert lesson(desk, bag(alice, attributes=(preference(value),))) == taught(alice)
    twice = made.attribute(KEY_PREFERENCE, by_serial(alice), by_serial(alice))
    assert lesson(desk, bag(alice, attributes=(twice,))) == taught(alice)


# what the signer can open


def test_what_the_signer_announces_comes_along(desk: Desk, alice: Issued) -> None:
    announced = lesson(desk, bag(alice, attributes=(made.attribute(SMIME_CAPABILITIES, capabilities()),)))
    assert announced is not None
    assert announced.capabilities[0] == "aes-256-gcm"
    for odd in (der.octets(b"x"), der.sequence(*[der.sequence(der.oid("1.2.3"))] * 1000)):
        silent = lesson(desk, bag(alice, attributes=(made.attribute(SMIME_CAPABILITIES, odd),)))
        assert silent == taught(alice)


def test_hard_revocation_teaches_nothing_without_an_answer(desk: Desk, alice: Issued) -> None:
    """CRT-05: the same rules as for the verdict."""
    desk.strictness = Strictness(Revocation.HARD)
    assert lesson(desk, signed(TEXT, alice)) is None


def test_nothing_is_learned_where_the_gateway_is_switched_off(desk: Desk, alice: Issued) -> None:
    desk.inbound_rules = replace(desk.inbound_rules, enabled=False)
    desk.rules = Rules()
    assert lesson(desk, signed(TEXT, alice)) is None
