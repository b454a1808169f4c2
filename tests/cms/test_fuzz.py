"""Invariant: for any bytes, only ``Malformed`` (with ``LimitExceeded``) and ``Rejected`` leave the reading side, and a
mutant that still verifies or opens says what the original said.
"""

import contextlib
import zlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.asn1 import der
from gateway.cms.algorithm import CIPHERS, TRANSPORTS
from gateway.cms.compressed import Compressed, decompress, read_compressed
from gateway.cms.content import ENVELOPED_DATA
from gateway.cms.enveloped import Enveloped, decrypt, encrypt, read_enveloped
from gateway.cms.probe import content_type, read_cms
from gateway.cms.recipient import recipient_info
from gateway.cms.rejected import Rejected
from gateway.cms.signed import (
    SignedData,
    Signer,
    content_digests,
    read_signed,
    sign_detached,
    sign_opaque,
    verify_signer,
)
from gateway.errors import Malformed
from gateway.pki.key import SoftwareKey
from tests.authority import Authority, Issued
from tests.cms import foreign
from tests.cms.conftest import AT
from tests.cms.surgery import BODY, at, put, streamed
from tests.cms.test_compressed import packed

CONTENT = b"The content that was meant.\r\n" * 3
FUZZ = settings(
    max_examples=settings().max_examples * 3 // 2, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

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


SIGNERS = ("rsa-2048", "p256", "ed25519")


@pytest.fixture(scope="session")
def signatures(signer: Callable[..., Signer]) -> dict[str, tuple[Signer, bytes, bytes]]:
    """For each kind of key a detached and an opaque signature."""
    made = {}
    for kind in SIGNERS:
        who = signer(kind, "sha256", "pss")
        digest = who.digest.new()
        digest.update(CONTENT)
        opaque = b"".join(sign_opaque(CONTENT, who, [], AT))
        made[kind] = who, sign_detached(digest.digest(), who, [], AT), opaque
    return made


ENVELOPES = ("oaep", "pkcs1v15", "p256", "x25519", "cbc", "chacha", "3des", "rc2", "kem", "gcm in a plain envelope")


@pytest.fixture(scope="session")
def envelopes(authority: Authority, people: dict[str, Issued]) -> dict[str, tuple[Issued, bytes]]:
    rsa, curve, kem = people["rsa-2048"], people["p256"], authority.leaf("kem@example.org", kind="ml-kem-768")
    made = {
        name: (who, b"".join(encrypt(CONTENT, [who.certificate], cipher, transport)))
        for name, who, cipher, transport in (
            ("oaep", rsa, "aes-256-gcm", "oaep"),
            ("pkcs1v15", rsa, "aes-256-gcm", "pkcs1v15"),
            ("p256", curve, "aes-128-gcm", "oaep"),
            ("x25519", people["x25519"], "aes-256-gcm", "oaep"),
            ("cbc", people["p384"], "aes-256-cbc", "oaep"),
        )
    }
    for name, cipher, key in (("chacha", "chacha20-poly1305", bytes(32)), ("3des", "3des-cbc", bytes(range(24))),
                              ("rc2", "rc2-128-cbc", bytes(16))):  # fmt: skip
        info = recipient_info(rsa.certificate, key, CIPHERS["aes-256-gcm"], TRANSPORTS["oaep"])
        made[name] = rsa, foreign.envelope(info, foreign.content(cipher, key, CONTENT))
    key = bytes(range(24))
    sealed = foreign.content("aes-192-gcm", key, CONTENT)
    made["kem"] = kem, foreign.envelope(foreign.encapsulation(kem, key, "2.16.840.1.101.3.4.4.2"), sealed)
    agreed = foreign.envelope(foreign.agreement(curve, key, "1.3.132.1.11.1", SHA256()), sealed)
    joined = der.tlv(0x80, at(agreed, *BODY, 2, 2).value, at(agreed, *BODY, 3).octets())
    plain = put(put(put(agreed, (*BODY, 2, 2), joined), (*BODY, 3)), (0,), ENVELOPED_DATA)
    return made | {"gcm in a plain envelope": (curve, plain)}


@pytest.mark.parametrize("kind", SIGNERS)
@pytest.mark.parametrize("opaque", [False, True])
@FUZZ
@given(changes=edits, ber=st.booleans())
def test_signed(
    signatures: dict[str, tuple[Signer, bytes, bytes]], kind: str, opaque: bool, changes: list[Edit], ber: bool
) -> None:
    who, *made = signatures[kind]
    data = made[opaque]
    mutant = mutate(streamed(data) if ber else data, changes)
    try:
        content_type(mutant)
        found = read_signed(mutant)
        content = CONTENT if found.content is None else b"".join(found.content)
        digests, others = content_digests(found.signers, content), content_digests(found.signers, b"other")
        for info in found.signers:
            verify_signer(info, digests[info.digest.name], who.certificate)
            assert content == CONTENT
            with pytest.raises((Malformed, Rejected)):
                verify_signer(info, others[info.digest.name], who.certificate)
    except (Malformed, Rejected):
        pass


@pytest.mark.parametrize("kind", SIGNERS)
def test_the_fuzzed_signatures_verify(signatures: dict[str, tuple[Signer, bytes, bytes]], kind: str) -> None:
    who, *made = signatures[kind]
    for data in made:
        (info,) = read_signed(streamed(data)).signers
        assert verify_signer(info, content_digests([info], CONTENT)[info.digest.name], who.certificate).bound


@pytest.mark.parametrize("name", ENVELOPES)
@FUZZ
@given(changes=edits, ber=st.booleans())
def test_enveloped(envelopes: dict[str, tuple[Issued, bytes]], name: str, changes: list[Edit], ber: bool) -> None:
    who, data = envelopes[name]
    key = SoftwareKey(who.private_key)
    assert decrypt(read_enveloped(data), who.certificate, key, accept_legacy=True) == CONTENT
    mutant = mutate(streamed(data) if ber else data, changes)
    try:
        content_type(mutant)
        enveloped = read_enveloped(mutant)
        content = decrypt(enveloped, who.certificate, key, accept_legacy=True)
    except (Malformed, Rejected):
        return
    assert content == CONTENT or not enveloped.cipher.aead


@FUZZ
@given(changes=edits, ber=st.booleans())
def test_compressed(changes: list[Edit], ber: bool) -> None:
    data = packed(zlib.compress(CONTENT))
    mutant = mutate(streamed(data) if ber else data, changes)
    with contextlib.suppress(Malformed, Rejected):
        assert decompress(read_compressed(mutant), 1000) == CONTENT


@FUZZ
@given(data=st.binary(max_size=400))
def test_anything(data: bytes) -> None:
    for read in (content_type, read_cms, read_signed, read_enveloped, read_compressed):
        with pytest.raises(Malformed):
            read(data)


@FUZZ
@given(changes=edits)
def test_what_is_read_is_of_one_kind(envelopes: dict[str, tuple[Issued, bytes]], changes: list[Edit]) -> None:
    try:
        found = read_cms(mutate(envelopes["cbc"][1], changes))
    except Malformed:
        return
    assert found is None or isinstance(found, SignedData | Enveloped | Compressed)
