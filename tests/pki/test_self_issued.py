"""Self-issued CA certificates with a mail address: whose they are, and what a person's is good for."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509

from gateway.pki.certificate import Certificate
from gateway.pki.self_issued import Whose, as_person, is_in_question, read_as, whose
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import PathFinding, judge
from gateway.pki.verdicts import Verdicts
from gateway.reason import Reason
from tests.authority import EMAIL_PROTECTION, SERVER_AUTH, Authority, Issued, fresh_key, issue

AT = datetime(2026, 6, 1, tzinfo=UTC)
ANNA = "anna@example.com"
PLAIN: dict[str, Any] = {"kind": "p256", "ca": True, "key_usage": None, "extended_key_usage": None}
"""As ``openssl req -x509`` writes it."""


def anna(*addresses: str, **facts: Any) -> Issued:
    return issue(addresses, issuer=None, **(PLAIN | facts))


def length(number: int | None) -> dict[str, Any]:
    return {"ca": None, "extensions": ((x509.BasicConstraints(True, number), True),)}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Whose.PERSON),
        ({"extended_key_usage": (EMAIL_PROTECTION,)}, Whose.PERSON),
        ({"key_usage": ("keyCertSign", "cRLSign")}, Whose.AUTHORITY),
        ({"key_usage": ("keyCertSign", "digitalSignature")}, Whose.AUTHORITY),
        ({"key_usage": ("keyCertSign", "keyAgreement")}, None),
        ({"key_usage": ("keyCertSign", "keyEncipherment")}, None),
        ({"key_usage": ("keyCertSign",), "extended_key_usage": (EMAIL_PROTECTION,)}, None),
        ({"key_usage": ("keyCertSign",), "extended_key_usage": (SERVER_AUTH,)}, Whose.AUTHORITY),
        ({"key_usage": ("digitalSignature", "keyAgreement")}, Whose.PERSON),
        (length(0), Whose.AUTHORITY),
        (length(0) | {"extended_key_usage": (EMAIL_PROTECTION,)}, Whose.AUTHORITY),
        (length(3) | {"key_usage": ("digitalSignature",)}, Whose.PERSON),
    ],
)
def test_whose_by_what_it_says(facts: dict[str, Any], expected: Whose | None) -> None:
    found = anna(ANNA, **facts).certificate
    assert is_in_question(found)
    assert whose(found, has_key=False, has_issued=False) is expected


def test_whose_by_what_it_came_with() -> None:
    for facts in ({}, {"key_usage": ("keyCertSign",)}, {"key_usage": ("keyCertSign", "keyAgreement")}, length(0)):
        assert whose(anna(ANNA, **facts).certificate, has_key=True, has_issued=True) is Whose.PERSON
    assert whose(anna(ANNA).certificate, has_key=False, has_issued=True) is Whose.AUTHORITY
    assert (
        whose(anna(ANNA, key_usage=("digitalSignature",)).certificate, has_key=False, has_issued=True) is Whose.PERSON
    )


def test_an_address_in_the_subject_alone_says_nothing() -> None:
    only_subject = anna(subject_addresses=(ANNA,)).certificate
    assert is_in_question(only_subject)
    assert whose(only_subject, has_key=False, has_issued=False) is None
    for_mail = anna(subject_addresses=(ANNA,), extended_key_usage=(EMAIL_PROTECTION,)).certificate
    assert whose(for_mail, has_key=False, has_issued=False) is Whose.PERSON


def test_what_is_not_in_question(authority: Authority) -> None:
    assert not is_in_question(authority.root.certificate), "no mail address"
    assert not is_in_question(authority.self_signed(ANNA).certificate), "no CA"
    assert not is_in_question(authority.leaf(ANNA, ca=True).certificate), "issued by another"


def test_a_persons_is_read_as_a_leaf() -> None:
    found = anna(subject_addresses=(ANNA,))
    person = as_person(found.certificate)
    assert (person.is_ca, person.addresses, person.may_sign, person.may_encrypt) == (False, (ANNA,), True, True)
    assert person == found.certificate == read_as(found.der, is_ca=True)
    assert not read_as(found.der, is_ca=False).is_ca and read_as(found.der, is_ca=True).is_ca
    assert as_person(anna("x@example.com", subject_addresses=(ANNA,)).certificate).addresses == ("x@example.com",)


# ── what it is good for ──


def trusting(person: Issued, *others: Certificate) -> TrustSnapshot:
    return TrustSnapshot([as_person(person.certificate), *others])


def found(leaf: Issued, carried: list[Issued], trust: TrustSnapshot) -> PathFinding:
    return judge(leaf.certificate, [item.certificate for item in carried], trust, AT)


def test_a_persons_is_trusted_for_itself() -> None:
    person = anna(ANNA)
    finding = found(person, [person], trusting(person))
    assert finding.reasons == () and finding.anchor == person.certificate
    assert finding.path == (person.certificate,) and not finding.path[0].is_ca
    assert found(person, [person], TrustSnapshot()).reasons == (Reason.UNTRUSTED, Reason.WRONG_USAGE)


@pytest.mark.parametrize("shared_key", [False, True])
def test_a_persons_vouches_for_nobody(authority: Authority, shared_key: bool) -> None:
    """Also where the other certificate has her own key, so that hers is looked up for it."""
    person = anna(ANNA)
    key = person.private_key if shared_key else fresh_key("p256")
    chief = authority.leaf("chief@bank.example", issuer=person, key=key, kind="p256", common_name="Chief")
    for carried in ([], [person], [chief, person]):
        for trust in (trusting(person), trusting(person, authority.root.certificate)):
            finding = found(chief, carried, trust)
            assert finding.reasons == (Reason.NO_PATH,) and finding.anchor is None


def test_another_certificate_of_her_own_name_and_key_is_another() -> None:
    person = anna(ANNA)
    again = anna(ANNA, "chief@bank.example", key=person.private_key)
    assert Reason.UNTRUSTED in found(again, [again, person], trusting(person)).reasons


def test_a_kept_verdict_knows_how_a_certificate_is_read(authority: Authority) -> None:
    person = anna(ANNA)
    leaf = authority.leaf("chief@bank.example", issuer=person, kind="p256")
    verdicts = Verdicts()
    as_authority = TrustSnapshot([person.certificate])
    assert verdicts.judge(leaf.certificate, [person.certificate], as_authority, AT).reasons == ()
    assert verdicts.judge(leaf.certificate, [person.certificate], trusting(person), AT).reasons == (Reason.NO_PATH,)
    assert as_authority.key != trusting(person).key
