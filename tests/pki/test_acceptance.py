"""What may be imported, and what the refusal says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.pki.acceptance import key_refusal, mail_addresses, refusal
from gateway.reason import Reason
from tests.authority import ANY_USAGE, CLIENT_AUTH, EMAIL_PROTECTION, SERVER_AUTH, Authority, make_key

A = "alice@example.com"


def reason(
    authority: Authority, *addresses: str, subject_email: str = "inbound", legacy: bool = False, **facts: Any
) -> Any:
    """The reason why such a leaf is refused, None: it is accepted. The text must be one clear line."""
    found = refusal(authority.leaf(*addresses, **facts).certificate, subject_email=subject_email, accept_legacy=legacy)
    if found is None:
        return None
    assert "\n" not in found[1]
    assert len(found[1]) > 20
    return found[0]


@pytest.mark.parametrize(
    "kind",
    [
        *("rsa-2048", "rsa-3072", "p256", "p384", "p521", "brainpool256"),
        *("ed25519", "ed448", "x25519", "x448", "ml-dsa-44", "ml-kem-768"),
    ],
)
def test_good_leaves_of_every_kind_are_accepted(authority: Authority, kind: str) -> None:
    assert reason(authority, A, kind=kind) is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("rsa-1024", Reason.WEAK_KEY),
        ("dsa", Reason.UNSUPPORTED_ALGORITHM),
        ("p224", Reason.UNSUPPORTED_ALGORITHM),
        ("secp256k1", Reason.UNSUPPORTED_ALGORITHM),
    ],
)
def test_keys_that_are_refused(authority: Authority, kind: str, expected: Reason) -> None:
    assert reason(authority, A, kind=kind) is expected
    found = key_refusal(make_key(kind))
    assert found is not None
    assert found[0] is expected


def test_rsa_over_8192_bits_is_refused(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.pki.acceptance.RSA_BITS", range(2048, 3000))
    assert reason(authority, A, kind="rsa-3072") is Reason.UNSUPPORTED_ALGORITHM


def test_legacy_keys_where_the_administrator_says_so(authority: Authority) -> None:
    assert reason(authority, A, kind="rsa-1024", legacy=True) is None
    assert reason(authority, A, kind="dsa", legacy=True) is None
    assert key_refusal(make_key("rsa-1024"), accept_legacy=True) is None


def test_a_dsa_key_is_of_no_use_to_us() -> None:
    found = key_refusal(make_key("dsa"), accept_legacy=True)
    assert found is not None
    assert found[0] is Reason.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize("kind", ["rsa-2048", "p256", "ed25519", "x25519"])
def test_private_keys_that_are_accepted(kind: str) -> None:
    assert key_refusal(make_key(kind)) is None


def test_crt_01_a_leaf_needs_an_address_in_the_san(authority: Authority) -> None:
    """CRT-01: the subject's emailAddress counts with subject_email: always only, the common name never."""
    assert reason(authority, common_name=A) is Reason.NO_ADDRESS
    assert reason(authority, subject_addresses=[A], subject_email="never") is Reason.NO_ADDRESS
    assert reason(authority, subject_addresses=[A], subject_email="inbound") is Reason.NO_ADDRESS
    assert reason(authority, subject_addresses=[A], subject_email="always") is None
    assert reason(authority, utf8_addresses=["rené@example.com"]) is None


def test_crt_01_the_subject_counts_only_where_the_san_is_silent(authority: Authority) -> None:
    """CRT-01 (RFC 8550 §3)."""
    both = authority.leaf(A, subject_addresses=["dn@example.com"]).certificate
    assert mail_addresses(both, "always") == (A,)
    alone = authority.leaf(subject_addresses=["dn@example.com"]).certificate
    assert mail_addresses(alone, "always") == ("dn@example.com",)
    assert mail_addresses(alone, "inbound") == ()


@pytest.mark.parametrize(
    ("extended", "expected"),
    [
        (None, None),
        ((EMAIL_PROTECTION, CLIENT_AUTH), None),
        ((SERVER_AUTH, CLIENT_AUTH), Reason.WRONG_USAGE),
        ((ANY_USAGE,), Reason.WRONG_USAGE),
    ],
)
def test_crt_04_extended_usage(authority: Authority, extended: object, expected: Reason | None) -> None:
    """CRT-04: a TLS certificate is none for mail."""
    assert reason(authority, A, extended_key_usage=extended) is expected


@pytest.mark.parametrize(
    ("kind", "usage", "expected"),
    [
        ("rsa-2048", None, None),
        ("rsa-2048", ("digitalSignature",), None),
        ("rsa-2048", ("keyEncipherment",), None),
        ("rsa-2048", ("nonRepudiation",), None),
        ("rsa-2048", ("keyAgreement",), Reason.WRONG_USAGE),
        ("p256", ("keyAgreement",), None),
        ("p256", ("keyEncipherment",), Reason.WRONG_USAGE),
        ("x25519", ("digitalSignature",), Reason.WRONG_USAGE),
        ("ed25519", ("keyAgreement",), Reason.WRONG_USAGE),
        ("rsa-2048", (), Reason.WRONG_USAGE),
        ("rsa-2048", ("keyCertSign", "cRLSign"), Reason.WRONG_USAGE),
    ],
)
def test_crt_04_usage(authority: Authority, kind: str, usage: object, expected: Reason | None) -> None:
    """CRT-04: digitalSignature and/or keyEncipherment, keyAgreement for elliptic curves."""
    assert reason(authority, A, kind=kind, key_usage=usage) is expected


def test_a_ca_is_exempt(authority: Authority) -> None:
    assert (
        reason(authority, kind="rsa-1024", ca=True, key_usage=("keyCertSign",), extended_key_usage=(SERVER_AUTH,))
        is None
    )


def test_dates_do_not_matter(authority: Authority) -> None:
    past, future = datetime(2001, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)
    assert reason(authority, A, not_before=past, not_after=past) is None
    assert reason(authority, A, not_before=future, not_after=future) is None


def test_the_text_names_the_way_out(authority: Authority) -> None:
    found = refusal(authority.leaf(subject_addresses=[A]).certificate, subject_email="inbound")
    assert found is not None
    assert "addresses.subject_email: always" in found[1]
