"""What a file of certificates and keys holds: PEM, DER, PKCS#7 and PKCS#12, recognised by content, never by name.

``read_bundle`` takes any bytes and never raises: what cannot be read is a ``BundleFault`` that names the object, what
can is returned in the order of the file. Certificates and CRLs come as DER, still unread; private keys come loaded
and checked for consistency. Whether an object may be stored is asked of ``acceptance``.

Own because ``cryptography`` has one loader per form and stops at the first fault, where an administrator's file is of
any form and each of its objects wants an answer.

Standards: RFC 7468 and the older PEM (RFC 1421 headers; ``armour``), RFC 5280, RFC 5958, RFC 5652 §5 (certificates
only), RFC 7292 (``pkcs12``). Octets behind complete DER are ignored. Not here: OpenSSH and PGP keys, Java key stores,
of which ``strangers`` says what they are.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from gateway.asn1.ber import Element, Fields, first, read
from gateway.asn1.der import BIT_STRING, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, SEQUENCE, UTC_TIME, context
from gateway.asn1.oid import Oid
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.armour import bare_base64, blocks, embedded, has_blocks, narrow, unarmoured
from gateway.pki.passphrase import as_octets
from gateway.pki.pbe import BadPassphrase, UnsupportedProtection, Work
from gateway.pki.pkcs12 import is_pkcs12, read_pkcs12, shrouded
from gateway.pki.strangers import by_beginning, by_label, by_structure
from gateway.reason import Reason

MAX_SIZE = 32 * 1024 * 1024
"""Bytes; large CRLs have some 10 MB."""
MAX_OBJECTS = 10_000
MAX_KEY_SIZE = 8 * 1024
"""Bytes of a private key's DER: RSA 8192 has 4.7 kB, ML-DSA-87 5 kB. To check a larger one would cost seconds."""

_TAIL = b"\0\t\n\r \x1a"
"""What editors and transfers leave behind DER."""
_CONTROL = re.compile(rb"[^\t\n\f\r -\xff]")


@dataclass(frozen=True, slots=True)
class BundledCertificate:
    """A certificate's DER, not read yet; ``name`` says where it stood, e.g. ``PEM block 3 (CERTIFICATE)``."""

    name: str
    der: bytes


@dataclass(frozen=True, slots=True)
class BundledKey:
    """A private key; ``passphrase`` protected it, None: it stood in the clear or under an empty passphrase."""

    name: str
    key: PrivateKeyTypes
    passphrase: bytes | None


@dataclass(frozen=True, slots=True)
class BundledRevocationList:
    """A CRL's DER, not read yet."""

    name: str
    der: bytes


@dataclass(frozen=True, slots=True)
class BundleFault:
    """An object that cannot be read: why, and one line that says what is wrong and what to do."""

    name: str
    reason: Reason
    text: str


_NOTHING = BundleFault("file", Reason.MALFORMED, "no certificate, key or CRL in it")

BundledObject = BundledCertificate | BundledKey | BundledRevocationList | BundleFault


@dataclass(frozen=True, slots=True)
class Bundle:
    """The objects of a file in their order, faults among them; there is always at least one."""

    objects: tuple[BundledObject, ...]

    @property
    def certificates(self) -> tuple[BundledCertificate, ...]:
        return tuple(item for item in self.objects if isinstance(item, BundledCertificate))

    @property
    def keys(self) -> tuple[BundledKey, ...]:
        return tuple(item for item in self.objects if isinstance(item, BundledKey))

    @property
    def revocation_lists(self) -> tuple[BundledRevocationList, ...]:
        return tuple(item for item in self.objects if isinstance(item, BundledRevocationList))

    @property
    def faults(self) -> tuple[BundleFault, ...]:
        return tuple(item for item in self.objects if isinstance(item, BundleFault))


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The passphrases to try in turn, and what trying them may still cost.

    ``load_keys``: private keys are wanted; to check the numbers of one takes up to a second.
    """

    candidates: tuple[bytes | None, ...]
    work: Work
    load_keys: bool = True


def read_bundle(data: bytes, passphrases: Sequence[bytes] = ()) -> Bundle:
    """Read whatever ``data`` holds; protected objects are tried with each of ``passphrases``, then the empty one."""
    secrets = _Secrets(tuple(dict.fromkeys((*passphrases, b"", None))), Work())
    objects = tuple(islice(_objects(data, secrets), MAX_OBJECTS + 1))
    if len(objects) > MAX_OBJECTS:
        fault = BundleFault("file", Reason.LIMIT, f"more than {MAX_OBJECTS} objects; split the file")
        return Bundle((*objects[:MAX_OBJECTS], fault))
    return Bundle(objects or (_NOTHING,))


def certificates_in(data: bytes) -> list[bytes]:
    """Return the certificates (DER, unread) in what a stranger sent; no key is loaded, nothing protected is tried."""
    found = islice(_objects(data, _Secrets((), Work(), load_keys=False)), MAX_OBJECTS)
    return [item.der for item in found if isinstance(item, BundledCertificate)]


def _objects(file: bytes, secrets: _Secrets) -> Iterator[BundledObject]:
    if len(file) > MAX_SIZE:
        yield BundleFault("file", Reason.LIMIT, f"larger than {MAX_SIZE >> 20} MiB; split the file")
        return
    data = narrow(file)
    if not data.strip():
        yield BundleFault("file", Reason.MALFORMED, "the file is empty; export it again")
    elif has_blocks(data) and not _is_one_element(data):
        yield from _pem_objects(data, secrets)
    elif (stranger := by_beginning(data)) is not None:
        yield BundleFault("file", Reason.MALFORMED, stranger)
    elif (held := bare_base64(data)) is not None:
        yield from _found("file", _elements("file", held, secrets))
    elif _is_text(data):
        yield from _embedded_objects(data, secrets)
    else:
        yield from _found("file", _elements("file", data, secrets))


def _embedded_objects(data: bytes, secrets: _Secrets) -> Iterator[BundledObject]:
    for number, held in enumerate(embedded(data), start=1):
        name = f"base64 {number}"
        yield from _found(name, _elements(name, held, secrets))


def _is_text(data: bytes) -> bool:
    """Whether no control character stands in it but white space: the tags of INTEGER, BIT STRING and OID are some."""
    return not _CONTROL.search(data)


def _is_one_element(data: bytes) -> bool:
    """DER may contain anything, dashes too."""
    try:
        read(data.rstrip(_TAIL)).expect(SEQUENCE)
    except Malformed:
        return False
    return True


def _elements(name: str, data: bytes, secrets: _Secrets) -> Iterator[BundledObject]:
    """Read DER, and what stands behind it if that is DER, too; anything else there is left out."""
    start = 0
    while not start or data[start : start + 1] == b"\x30":
        element = first(memoryview(data)[start:])
        yield from _der_objects(name, bytes(element.raw), secrets)
        start += element.stop


def _found(name: str, objects: Iterator[BundledObject]) -> Iterator[BundledObject]:
    """Pass objects on, and make a fault of what ends them."""
    try:
        yield from objects
    except BadPassphrase:
        yield BundleFault(name, Reason.BAD_PASSPHRASE, "no passphrase given opens it; give the right --passphrase-file")
    except (UnsupportedProtection, UnsupportedAlgorithm) as error:
        yield BundleFault(name, Reason.UNSUPPORTED_ALGORITHM, f"{error}; convert it, e.g. with openssl")
    except LimitExceeded as error:
        yield BundleFault(name, Reason.LIMIT, f"{error}; it is not read")
    except (Malformed, ValueError, TypeError, OverflowError) as error:
        detail = error if isinstance(error, Malformed) else "a part of it does not parse"
        yield BundleFault(
            name, Reason.MALFORMED, f"not a readable certificate, key or bundle: {detail}; export it again"
        )


# ── PEM ──

_READ = frozenset(
    {
        "CERTIFICATE",
        "X509 CERTIFICATE",
        "TRUSTED CERTIFICATE",
        "PKCS7",
        "CMS",
        "PKCS12",
        "X509 CRL",
        "PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
    }
)
_SKIPPED = frozenset({"EC PARAMETERS", "DSA PARAMETERS", "DH PARAMETERS"})
"""What openssl writes in front of a key, and says nothing that the key does not."""


def _pem_objects(data: bytes, secrets: _Secrets) -> Iterator[BundledObject]:
    for number, (label, lines) in enumerate(blocks(data), start=1):
        name = f"PEM block {number} ({label})"
        if (stranger := by_label(label)) is not None:
            yield BundleFault(name, Reason.MALFORMED, stranger)
        elif label not in _SKIPPED:
            yield from _found(name, _block_objects(name, label, lines, secrets))


def _block_objects(name: str, label: str, lines: list[bytes] | None, secrets: _Secrets) -> Iterator[BundledObject]:
    if label not in _READ:
        raise Malformed("a PEM block of this kind is not imported")
    if lines is None:
        raise Malformed("the PEM block has no END line of its own")
    headers = lines.index(b"") + 1 if b"" in lines and b":" in lines[0] else 0
    der = unarmoured(lines[headers:])
    if headers and b"ENCRYPTED" in b"".join(lines[:headers]):
        yield _old_key(name, label, lines, len(der), secrets)
    else:
        # What stands behind it is openssl's notes on trust, or nothing of ours.
        yield from _der_objects(name, bytes(first(der).raw), secrets)


def _old_key(name: str, label: str, lines: list[bytes], size: int, secrets: _Secrets) -> BundledKey:
    """Open a key under the encryption of RFC 1421 headers, which has no empty passphrase."""
    _check_size(size)
    pem = b"\n".join((f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----".encode(), b""))
    for passphrase in filter(None, secrets.candidates):
        for form in as_octets(passphrase):
            try:
                return BundledKey(name, load_pem_private_key(pem, form), passphrase)
            except ValueError:
                continue
    raise BadPassphrase("no passphrase given opens the key")


# ── DER ──


def _der_objects(name: str, data: bytes, secrets: _Secrets) -> Iterator[BundledObject]:
    """Tell by the first fields what one element is, and read it."""
    element = read(data).expect(SEQUENCE)
    tags = [child.tag for child in element.children[:3]]
    inside = [child.tag for child in element.children[0].children[:5]] if tags[:1] == [SEQUENCE] else []
    if (stranger := by_structure(tags, inside)) is not None:
        yield BundleFault(name, Reason.MALFORMED, stranger)
    elif is_pkcs12(element):
        yield from _pkcs12_objects(name, element, secrets)
    elif tags[:1] == [INTEGER]:
        yield from _keys(name, data, None, secrets)
    elif tags[:1] == [OID]:
        yield from _pkcs7_objects(name, element)
    elif tags == [SEQUENCE, OCTET_STRING]:
        yield _encrypted_key(name, element, secrets)
    elif tags == [SEQUENCE, SEQUENCE, BIT_STRING]:
        yield _signed(name, data)
    else:
        raise Malformed("it is none of the known structures")


def _signed(name: str, der: bytes) -> BundledObject:
    """A certificate or a CRL: a time stands directly in a TBSCertList only (RFC 5280 §5.1)."""
    body = Fields(read(der)).next()
    if any(field.tag in (UTC_TIME, GENERALIZED_TIME) for field in body.children):
        return BundledRevocationList(name, der)
    return BundledCertificate(name, der)


def _keys(name: str, der: bytes, passphrase: bytes | None, secrets: _Secrets) -> Iterator[BundledKey]:
    if secrets.load_keys:
        yield _key(name, der, passphrase)


def _key(name: str, der: bytes, passphrase: bytes | None) -> BundledKey:
    """Load a PKCS#8, PKCS#1 or SEC 1 key; loading an RSA key checks that its numbers fit one another."""
    _check_size(len(der))
    try:
        return BundledKey(name, load_der_private_key(der, None), passphrase or None)
    except (ValueError, TypeError) as error:
        raise Malformed("the private key does not parse, or its numbers contradict one another") from error


def _check_size(size: int) -> None:
    if size > MAX_KEY_SIZE:
        raise LimitExceeded(f"a private key of more than {MAX_KEY_SIZE} bytes")


def _encrypted_key(name: str, element: Element, secrets: _Secrets) -> BundledKey:
    for passphrase in secrets.candidates:
        try:
            return _key(name, shrouded(element, passphrase, secrets.work), passphrase)
        except BadPassphrase:
            continue
    raise BadPassphrase("no passphrase given opens the key")


def _pkcs7_objects(name: str, element: Element) -> Iterator[BundledObject]:
    """Certificates and CRLs of a SignedData, signed or not (RFC 5652 §5.1)."""
    fields = Fields(element)
    if fields.next().dotted() != Oid.SIGNED_DATA:
        raise Malformed("a PKCS#7 object that is no collection of certificates")
    for field in fields.take(context(0)).only().children:
        if field.tag in (context(0), context(1)):
            signed_objects = (child for child in field.children if child.tag == SEQUENCE)
            for number, child in enumerate(signed_objects, start=1):
                word = "certificate" if field.tag == context(0) else "CRL"
                yield _signed(f"{name}, {word} {number}", bytes(child.raw))


def _pkcs12_objects(name: str, element: Element, secrets: _Secrets) -> Iterator[BundledObject]:
    for number, bag in enumerate(read_pkcs12(element, secrets.candidates, secrets.work), start=1):
        label = f"{name}, PKCS#12 {bag.kind} {number}"
        if bag.kind == "key":
            yield from _found(label, _keys(label, bag.data, bag.passphrase, secrets))
        elif bag.kind == "certificate":
            yield BundledCertificate(label, bag.data)
        else:
            yield BundledRevocationList(label, bag.data)
