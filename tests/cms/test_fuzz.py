"""Invariant: for any bytes, only ``Malformed`` (with ``LimitExceeded``) and ``Rejected`` leave the reading side, and a
mutant that still verifies or opens says what the original said.
"""

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cms.enveloped import decrypt, encrypt, read_enveloped
from gateway.cms.probe import content_type
from gateway.cms.rejected import Rejected
from gateway.cms.signed import Signer, read_signed, sign_detached, verify
from gateway.errors import Malformed
from gateway.pki.key import SoftwareKey
from tests.authority import Issued
from tests.cms.conftest import AT
from tests.cms.surgery import streamed

CONTENT = b"The content that was meant.\r\n"
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Edit = tuple[str, int, bytes]
edits = st.lists(
    st.tuples(
        st.sampled_from(["set", "flip", "insert", "delete"]), st.integers(0, 10_000), st.binary(min_size=1, max_size=4)
    ),
    min_size=1,
    max_size=3,
)


def mutate(data: bytes, changes: list[Edit]) -> bytes:
    octets = bytearray(data)
    for how, place, what in changes:
        at = place % len(octets)
        if how == "set":
            octets[at : at + len(what)] = what
        elif how == "flip":
            octets[at] ^= 1 << what[0] % 8
        elif how == "insert":
            octets[at:at] = what
        else:
            del octets[at : at + what[0] % 16]
    return bytes(octets)


@pytest.fixture(scope="session")
def signatures(signer: Callable[..., Signer]) -> dict[str, tuple[Signer, bytes]]:
    made = {}
    for kind, rsa in (("rsa-2048", "pss"), ("p256", "pss"), ("ed25519", "pss")):
        who = signer(kind, "sha256", rsa)
        made[kind] = who, sign_detached(hashlib.new(who.digest.name, CONTENT).digest(), who, [], AT)
    return made


@pytest.fixture(scope="session")
def envelopes(people: dict[str, Issued]) -> list[tuple[Issued, bytes]]:
    made = []
    for kind, cipher, rsa in (
        ("rsa-2048", "aes-256-gcm", "oaep"),
        ("rsa-2048", "aes-256-gcm", "pkcs1v15"),
        ("p256", "aes-128-gcm", "oaep"),
        ("x25519", "aes-256-gcm", "oaep"),
        ("p384", "aes-256-cbc", "oaep"),
    ):
        who = people[kind]
        made.append((who, b"".join(encrypt(CONTENT, [who.certificate], cipher, rsa))))
    return made


@pytest.mark.parametrize("kind", ["rsa-2048", "p256", "ed25519"])
@FUZZ
@given(changes=edits, ber=st.booleans())
def test_signed(signatures: dict[str, tuple[Signer, bytes]], kind: str, changes: list[Edit], ber: bool) -> None:
    who, data = signatures[kind]
    mutant = mutate(streamed(data) if ber else data, changes)
    try:
        content_type(mutant)
        for info in read_signed(mutant).signers:
            verify(info, hashlib.new(info.digest.name, CONTENT).digest(), who.certificate.public_key)
            with pytest.raises((Malformed, Rejected)):
                verify(info, hashlib.new(info.digest.name, b"other").digest(), who.certificate.public_key)
    except (Malformed, Rejected):
        pass


@pytest.mark.parametrize("number", range(5))
@FUZZ
@given(changes=edits, ber=st.booleans())
def test_enveloped(envelopes: list[tuple[Issued, bytes]], number: int, changes: list[Edit], ber: bool) -> None:
    who, data = envelopes[number]
    mutant = mutate(streamed(data) if ber else data, changes)
    try:
        content_type(mutant)
        enveloped = read_enveloped(mutant)
        content = decrypt(enveloped, who.certificate, SoftwareKey(who.private_key))
    except (Malformed, Rejected):
        return
    assert content == CONTENT or enveloped.tag is None


@FUZZ
@given(data=st.binary(max_size=400))
def test_anything(data: bytes) -> None:
    for read in (content_type, read_signed, read_enveloped):
        with pytest.raises(Malformed):
            read(data)  # type: ignore[operator]
