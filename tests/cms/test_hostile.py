"""Structures made to cost: what is counted is elements read and keys used, not time (LIM-02)."""

from collections.abc import Callable, Iterator

import pytest

from gateway.asn1 import ber, der
from gateway.cms import attribute
from gateway.cms.content import DATA, SIGNED_DATA
from gateway.cms.enveloped import decrypt, encrypt, read_enveloped
from gateway.cms.identity import issuer_and_serial
from gateway.cms.probe import read_cms
from gateway.cms.recipient import RECIPIENTS
from gateway.cms.signed import CERTIFICATES, REVOCATION_LISTS, SIGNERS, Signer, read_signed, sign_detached, verify
from gateway.errors import LimitExceeded
from gateway.pki.key import KeyTransport, SoftwareKey
from tests.authority import Issued
from tests.cms.conftest import AT
from tests.cms.surgery import BODY, at, put
from tests.hostile import CMS, TRANSPORT, enveloped, info, signed_data


@pytest.fixture
def elements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many elements were read, in a list of one number."""
    count = [0]
    original = ber.Element.__init__

    def counted(self: ber.Element, source: ber._Source, start: int, limit: int, depth: int) -> None:
        count[0] += 1
        original(self, source, start, limit, depth)

    monkeypatch.setattr(ber.Element, "__init__", counted)
    yield count


@pytest.mark.parametrize("name", CMS)
def test_lim_02_hostile_structures_are_refused(name: str, elements: list[int]) -> None:
    with pytest.raises(LimitExceeded):
        read_cms(CMS[name])
    assert elements[0] <= (ber.SEGMENTS if "segments" in name else ber.ELEMENTS) + 1


def test_lim_02_the_limits_themselves_are_read() -> None:
    assert len(read_signed(signed_data(SIGNERS, certificates=CERTIFICATES, lists=REVOCATION_LISTS)).signers) == SIGNERS
    assert read_cms(enveloped(TRANSPORT * RECIPIENTS)) is not None


@pytest.mark.parametrize("where", [3, -1])
def test_lim_02_attributes(signer: Callable[..., Signer], where: int) -> None:
    """Signed and unsigned ones, each within what may be read of the whole."""
    data = sign_detached(bytes(32), signer(), [], AT)
    many = b"".join(der.sequence(der.oid(f"1.2.{n}"), der.tlv(der.SET, der.integer(1))) for n in range(51))
    path = (*BODY, -1, 0)
    parts = [bytes(item.raw) for item in at(data, *path).children]
    changed = [*parts[:3], der.tlv(0xA0, many), *parts[4:]] if where == 3 else [*parts, der.tlv(0xA1, many)]
    (found,) = read_signed(put(data, path, der.sequence(*changed))).signers
    with pytest.raises(LimitExceeded):
        verify(found, bytes(32), signer().certificate.public_key)


def test_lim_02_capabilities_without_end(signer: Callable[..., Signer], elements: list[int]) -> None:
    """They are information: a list that is too long stops nothing, and is read no further than anything else."""
    who = signer()
    value = der.sequence(der.sequence(der.oid("1.2.3")) * 30_000)
    attributes = [
        der.sequence(attribute.CONTENT_TYPE, der.tlv(der.SET, DATA)),
        der.sequence(attribute.MESSAGE_DIGEST, der.tlv(der.SET, der.octets(bytes(32)))),
        der.sequence(attribute.SMIME_CAPABILITIES, der.tlv(der.SET, value)),
    ]
    item = der.sequence(
        der.integer(1),
        issuer_and_serial(who.certificate),
        who.digest.identifier,
        der.tlv(0xA0, *attributes),
        der.sequence(der.oid("1.2.840.10045.4.3.2")),
        der.octets(who.key.sign(der.tlv(der.SET, *attributes), who.scheme)),
    )
    body = (der.tlv(der.SET, who.digest.identifier), der.sequence(DATA), der.tlv(der.SET, item))
    (found,) = read_signed(info(SIGNED_DATA, *body)).signers
    assert verify(found, bytes(32), who.certificate.public_key).capabilities == ()
    assert elements[0] <= ber.ELEMENTS + 10


def test_dec_06_one_recipient_costs_one_use_of_the_key(people: dict[str, Issued]) -> None:
    """However many recipients name the certificate: the first is used, and no other (CVE-2026-42768)."""
    who = people["rsa-2048"]
    used: list[bytes] = []

    class Counted(SoftwareKey):
        def unwrap(self, wrapped: bytes, transport: KeyTransport) -> bytes:
            used.append(wrapped)
            return super().unwrap(wrapped, transport)

    data = b"".join(encrypt(b"content", [who.certificate, people["p256"].certificate], "aes-256-cbc", "pkcs1v15"))
    assert decrypt(read_enveloped(data), who.certificate, Counted(who.private_key)) == b"content"
    assert len(used) == 1
    ours = next(child for child in at(data, *BODY, 1).children if child.tag == der.SEQUENCE)
    by_key_id = put(bytes(ours.raw), (1,), der.tlv(0x80, who.certificate.subject_key_id or b""))
    twice = put(data, (*BODY, 1), der.tlv(der.SET, bytes(ours.raw), by_key_id))
    assert decrypt(read_enveloped(twice), who.certificate, Counted(who.private_key)) == b"content"
    assert len(used) == 2
