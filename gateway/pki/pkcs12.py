"""PKCS#12 files, read for everything in them: all keys, certificates and CRLs (RFC 7292), DER or BER.

Own because ``cryptography`` returns one key of a file and no CRLs, and bounds no rounds (docs/dependencies.md).

Password integrity (PKCS#12's own MAC, or PBMAC1 of RFC 9579) or none; password privacy or none. Sizes and the rounds
of key derivation are bounded. Not here: public-key integrity and privacy modes, secret bags, friendly names.
"""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.asn1.ber import Element, Fields, pair, read
from gateway.asn1.der import INTEGER, OID, SEQUENCE
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.pbe import BadPassphrase, UnsupportedProtection, Work, decrypt, mac, spellings

MAX_SIZE = 1024 * 1024

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


def is_pkcs12(element: Element) -> bool:
    """Whether a SEQUENCE looks like a PFX: a version and a ContentInfo."""
    children = element.children
    if [child.tag for child in children[:2]] != [INTEGER, SEQUENCE]:
        return False
    return [child.tag for child in children[1].children] == [OID, EXPLICIT]


def read_pkcs12(element: Element, passphrases: Sequence[bytes | None], work: Work) -> list[Bag]:
    """Return the objects of a PFX in order; ``passphrases`` are tried in turn, None being PKCS#12's null passphrase.

    Raises ``BadPassphrase``, ``UnsupportedProtection``, ``Malformed``, ``LimitExceeded``.
    """
    if element.stop - element.start > MAX_SIZE:
        raise LimitExceeded(f"a PKCS#12 of more than {MAX_SIZE} bytes")
    fields = Fields(element)
    fields.take(INTEGER)
    kind, content = _typed(fields.next())
    if kind != DATA:
        raise UnsupportedProtection("a PKCS#12 under a public key; only those under a passphrase are read")
    safe = content.octets()
    mac_data = fields.optional(SEQUENCE)
    fields.end()
    if mac_data is not None:
        return _bags(safe, _passphrase(mac_data, safe, passphrases, work), work)
    return _without_mac(safe, passphrases, work)


def _typed(element: Element) -> tuple[str, Element]:
    """Type and value of a ContentInfo, a SafeBag or a CertBag; the attributes of a bag are not looked at."""
    fields = Fields(element)
    return fields.next().dotted(), fields.take(EXPLICIT).only()


def _passphrase(mac_data: Element, safe: bytes, passphrases: Sequence[bytes | None], work: Work) -> bytes | None:
    """Return the passphrase under which the MAC is right (RFC 7292 §4: MacData)."""
    fields = Fields(mac_data)
    algorithm, expected = pair(fields.next())
    salt = fields.next().octets()
    rounds = fields.optional(INTEGER)
    fields.end()
    count = 1 if rounds is None else rounds.integer()
    for passphrase in passphrases:
        for form in spellings(algorithm, passphrase):
            if hmac.compare_digest(mac(algorithm, salt, count, safe, form, work), expected.octets()):
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
    for content in read(safe).expect(SEQUENCE).children:
        kind, inner = _typed(content)
        if kind == DATA:
            found += _safe_contents(read(inner.octets()), passphrase, work, None)
        elif kind == ENCRYPTED_DATA:
            found += _safe_contents(_opened(inner, passphrase, work), passphrase, work, passphrase)
        else:
            raise UnsupportedProtection("a part of the PKCS#12 is encrypted to a public key")
    return found


def _opened(encrypted: Element, passphrase: bytes | None, work: Work) -> Element:
    """Decrypt an EncryptedData (RFC 5652 §8) to the SafeContents in it."""
    fields = Fields(encrypted)
    fields.take(INTEGER)
    content = Fields(fields.next())
    content.take(OID)
    algorithm, data = content.next(), content.next().octets(0x80)
    content.end()
    return _decrypted(algorithm, data, passphrase, work)


def shrouded(element: Element, passphrase: bytes | None, work: Work) -> bytes:
    """Decrypt an EncryptedPrivateKeyInfo to the PrivateKeyInfo in it (RFC 5958 §3). Raises as ``read_pkcs12``."""
    algorithm, data = pair(element)
    return bytes(_decrypted(algorithm, data.octets(), passphrase, work).raw)


def _decrypted(algorithm: Element, data: bytes, passphrase: bytes | None, work: Work) -> Element:
    """Decrypt a SEQUENCE under a form of ``passphrase``; that of the MAC need not be the same."""
    for form in spellings(algorithm, passphrase):
        try:
            return _parsed(decrypt(algorithm, data, form, work))
        except BadPassphrase:
            continue
    raise BadPassphrase("the passphrase does not open it")


def _parsed(plain: bytes) -> Element:
    """Padding that is right by chance does not make a passphrase right."""
    try:
        return read(plain).expect(SEQUENCE)
    except Malformed as error:
        raise BadPassphrase("the passphrase does not open it") from error


def _safe_contents(bags: Element, passphrase: bytes | None, work: Work, protected: bytes | None) -> Iterator[Bag]:
    """Read SafeContents (RFC 7292 §4.2); ``protected``: the passphrase they were encrypted under as a whole."""
    for bag in bags.expect(SEQUENCE).children:
        name, value = _typed(bag)
        kind = name.removeprefix(_BAGS)
        if kind == KEY:
            yield Bag("key", bytes(value.raw), protected)
        elif kind == SHROUDED_KEY:
            yield Bag("key", shrouded(value, passphrase, work), passphrase)
        elif kind in (CERTIFICATE, CRL):
            yield from _public_bag(value, protected)
        elif kind == NESTED:
            yield from _safe_contents(value, passphrase, work, protected)


def _public_bag(value: Element, protected: bytes | None) -> Iterator[Bag]:
    kind, content = _typed(value)
    if kind == X509_CERTIFICATE:
        yield Bag("certificate", content.octets(), protected)
    elif kind == X509_CRL:
        yield Bag("crl", content.octets(), protected)
