"""PKCS#12 files, read for everything in them: all keys, certificates and CRLs (RFC 7292), DER or BER.

Password integrity (PKCS#12's own MAC, or PBMAC1 of RFC 9579) or none; password privacy or none. Sizes and the rounds
of key derivation are bounded. Not here: public-key integrity and privacy modes, secret bags, friendly names.
"""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.errors import LimitExceeded, Malformed
from gateway.pki import asn1
from gateway.pki.pbe import BadPassphrase, UnsupportedProtection, Work, decrypt, mac

MAX_SIZE = 1024 * 1024
MAX_NESTING = 4

DATA, ENCRYPTED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_BAGS = "1.2.840.113549.1.12.10.1."
KEY, SHROUDED_KEY, CERTIFICATE, CRL, NESTED = "1", "2", "3", "4", "6"
X509_CERTIFICATE, X509_CRL = "1.2.840.113549.1.9.22.1", "1.2.840.113549.1.9.23.1"
EXPLICIT = 0xA0


@dataclass(frozen=True, slots=True)
class Bag:
    """One object: ``kind`` is ``key`` (PKCS#8, plain), ``certificate`` or ``crl``; ``data`` its DER.

    ``passphrase``: what it was encrypted under; empty or None: nothing protected it.
    """

    kind: str
    data: bytes
    passphrase: bytes | None


def is_pkcs12(element: asn1.Element) -> bool:
    """Whether a SEQUENCE looks like a PFX: a version and a ContentInfo."""
    children = list(element.children())
    if [child.tag for child in children[:2]] != [asn1.INTEGER, asn1.SEQUENCE]:
        return False
    inner = [child.tag for child in children[1].children()]
    return inner == [asn1.OID, EXPLICIT]


def read_pkcs12(element: asn1.Element, passphrases: Sequence[bytes | None], work: Work) -> list[Bag]:
    """Return the objects of a PFX in order; ``passphrases`` are tried in turn, None being PKCS#12's null passphrase.

    Raises ``BadPassphrase``, ``UnsupportedProtection``, ``Malformed``, ``LimitExceeded``.
    """
    if element.end - element.begin > MAX_SIZE:
        raise LimitExceeded(f"a PKCS#12 of more than {MAX_SIZE} bytes")
    _, content, *rest = asn1.fields(element, asn1.INTEGER, asn1.SEQUENCE)
    kind, wrapped = asn1.fields(content, asn1.OID, EXPLICIT)
    if kind.oid() != DATA:
        raise UnsupportedProtection("a PKCS#12 under a public key; only those under a passphrase are read")
    (octets,) = wrapped.children()
    safe = octets.octets()
    if rest:
        return _bags(safe, _passphrase(rest[0], safe, passphrases, work), work)
    return _without_mac(safe, passphrases, work)


def _passphrase(mac_data: asn1.Element, safe: bytes, passphrases: Sequence[bytes | None], work: Work) -> bytes | None:
    """Return the passphrase under which the MAC is right (RFC 7292 §4: MacData)."""
    info, salt, *rounds = asn1.fields(mac_data, asn1.SEQUENCE, asn1.OCTET_STRING)
    algorithm, expected = asn1.fields(info, asn1.SEQUENCE, asn1.OCTET_STRING)
    count = rounds[0].integer() if rounds else 1
    for passphrase in passphrases:
        if hmac.compare_digest(mac(algorithm, salt.content, count, safe, passphrase, work), expected.content):
            return passphrase
    raise BadPassphrase("no passphrase given opens the PKCS#12")


def _without_mac(safe: bytes, passphrases: Sequence[bytes | None], work: Work) -> list[Bag]:
    """Nothing tells the right passphrase but that all bags open and parse."""
    for passphrase in passphrases:
        try:
            return _bags(safe, passphrase, work)
        except BadPassphrase:
            continue
    raise BadPassphrase("no passphrase given opens the PKCS#12")


def _bags(safe: bytes, passphrase: bytes | None, work: Work) -> list[Bag]:
    found: list[Bag] = []
    for content in asn1.read(safe, asn1.SEQUENCE).children():
        kind, wrapped = asn1.fields(content, asn1.OID, EXPLICIT)
        (inner,) = wrapped.children()
        if kind.oid() == DATA:
            found += _safe_contents(asn1.read(inner.octets(), asn1.SEQUENCE), passphrase, work, None, 0)
        elif kind.oid() == ENCRYPTED_DATA:
            plain = _opened(inner, passphrase, work)
            found += _safe_contents(plain, passphrase, work, passphrase, 0)
        else:
            raise UnsupportedProtection("a part of the PKCS#12 is encrypted to a public key")
    return found


def _opened(encrypted: asn1.Element, passphrase: bytes | None, work: Work) -> asn1.Element:
    """Decrypt an EncryptedData (RFC 5652 §8) to the SafeContents in it."""
    _, content = asn1.fields(encrypted, asn1.INTEGER, asn1.SEQUENCE)[:2]
    _, algorithm, data = asn1.fields(content, asn1.OID, asn1.SEQUENCE)
    return _parsed(decrypt(algorithm, data.octets(), passphrase, work))


def shrouded(element: asn1.Element, passphrase: bytes | None, work: Work) -> bytes:
    """Decrypt an EncryptedPrivateKeyInfo to the PrivateKeyInfo in it (RFC 5958 §3). Raises as ``read_pkcs12``."""
    algorithm, data = asn1.fields(element, asn1.SEQUENCE, asn1.OCTET_STRING)
    return _parsed(decrypt(algorithm, data.content, passphrase, work)).whole


def _parsed(plain: bytes) -> asn1.Element:
    """Padding that is right by chance does not make a passphrase right."""
    try:
        return asn1.read(plain, asn1.SEQUENCE)
    except Malformed as error:
        raise BadPassphrase("the passphrase does not open it") from error


def _safe_contents(
    bags: asn1.Element, passphrase: bytes | None, work: Work, protected: bytes | None, depth: int
) -> Iterator[Bag]:
    """Read SafeContents (RFC 7292 §4.2); ``protected``: the passphrase they were encrypted under as a whole."""
    if depth > MAX_NESTING:
        raise LimitExceeded("safe contents are nested too deeply")
    for bag in bags.children():
        name, wrapped = asn1.fields(bag, asn1.OID, EXPLICIT)[:2]
        (value,) = wrapped.children()
        kind = name.oid().removeprefix(_BAGS)
        if kind == KEY:
            yield Bag("key", value.whole, protected)
        elif kind == SHROUDED_KEY:
            yield Bag("key", shrouded(value, passphrase, work), passphrase)
        elif kind in (CERTIFICATE, CRL):
            yield from _public_bag(value, protected)
        elif kind == NESTED:
            yield from _safe_contents(value, passphrase, work, protected, depth + 1)


def _public_bag(value: asn1.Element, protected: bytes | None) -> Iterator[Bag]:
    name, wrapped = asn1.fields(value, asn1.OID, EXPLICIT)
    (octets,) = wrapped.children()
    if name.oid() == X509_CERTIFICATE:
        yield Bag("certificate", octets.octets(), protected)
    elif name.oid() == X509_CRL:
        yield Bag("crl", octets.octets(), protected)
