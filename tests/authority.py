"""A test certification authority: root, intermediate and leaves with chosen keys, names, usages, dates and faults.

::

    authority = Authority()
    alice = authority.leaf("alice@example.com")                       # RSA 2048, signs and encrypts
    bob = authority.leaf("bob@example.com", kind="p256", key_usage=("keyAgreement",))
    alice.certificate, alice.private_key, alice.pem(), alice.key_pem(b"secret"), alice.p12(b"secret")

RSA and DSA keys come from a small pool of the process and are dealt in turn: two leaves may hold the same key, unless
``key`` is given. Clock: everything is valid from 2025-01-01 to 2035-01-01 where nothing else is asked for.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, mlkem, padding, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtensionOID, NameOID

from gateway.pki.certificate import Certificate, read_certificate

NOT_BEFORE = datetime(2025, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2035, 1, 1, tzinfo=UTC)
EMAIL_PROTECTION, CLIENT_AUTH, SERVER_AUTH, ANY_USAGE = (
    "1.3.6.1.5.5.7.3.4",
    "1.3.6.1.5.5.7.3.2",
    "1.3.6.1.5.5.7.3.1",
    "2.5.29.37.0",
)
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
POOL = 3

_FRESH: dict[str, Callable[[], Any]] = {
    "rsa-1024": lambda: rsa.generate_private_key(65537, 1024),
    "rsa-2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
    "dsa": lambda: dsa.generate_private_key(2048),
    "p224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "brainpool256": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "x25519": x25519.X25519PrivateKey.generate,
    "x448": x448.X448PrivateKey.generate,
    "ml-dsa-44": mldsa.MLDSA44PrivateKey.generate,
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
    "ml-kem-768": mlkem.MLKEM768PrivateKey.generate,
}
_POOLED = ("rsa-", "dsa")
_pool: dict[str, list[Any]] = {}
_dealt = count()

_USAGE = {
    "rsa": ("digitalSignature", "keyEncipherment"),
    "ml-kem": ("keyEncipherment",),
    "p": ("digitalSignature", "keyAgreement"),
    "secp": ("digitalSignature", "keyAgreement"),
    "brainpool": ("digitalSignature", "keyAgreement"),
    "x": ("keyAgreement",),
}
_USAGE_FIELDS = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}
_BY_KIND = object()


def make_key(kind: str) -> Any:
    """Return a private key of that kind; RSA and DSA keys come from a pool of ``POOL`` keys."""
    if not kind.startswith(_POOLED):
        return fresh_key(kind)
    keys = _pool.setdefault(kind, [])
    if len(keys) < POOL:
        keys.append(fresh_key(kind))
        return keys[-1]
    return keys[next(_dealt) % POOL]


def fresh_key(kind: str) -> Any:
    """Return a private key of that kind that nobody else has."""
    return _FRESH[kind]()


def default_usage(kind: str) -> tuple[str, ...]:
    """Return the key usage that fits a kind of key."""
    word = kind if kind.startswith("ml-kem") else kind.split("-")[0].rstrip("0123456789k")
    return _USAGE.get("ml-kem" if kind.startswith("ml-kem") else word, ("digitalSignature",))


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key and the issuers above it, nearest first, the root last."""

    x509: x509.Certificate
    private_key: Any
    issuers: tuple["Issued", ...] = ()

    @cached_property
    def der(self) -> bytes:
        return self.x509.public_bytes(Encoding.DER)

    @cached_property
    def certificate(self) -> Certificate:
        return read_certificate(self.der)

    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.x509.public_bytes(Encoding.PEM)

    def key_pem(self, passphrase: bytes | None = None) -> bytes:
        """The private key as PKCS#8 PEM, encrypted where a passphrase is given."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _protection(passphrase))

    def key_der(self, passphrase: bytes | None = None) -> bytes:
        """The private key as PKCS#8 DER."""
        return self.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, _protection(passphrase))

    def p12(self, passphrase: bytes | None = None, chain: bool = True) -> bytes:
        """A PKCS#12 with key, certificate and, with ``chain``, all issuers (not for X25519, X448 and ML-KEM)."""
        above = [issuer.x509 for issuer in self.issuers] if chain else None
        return pkcs12.serialize_key_and_certificates(
            b"test", self.private_key, self.x509, above, _protection(passphrase)
        )


def _protection(passphrase: bytes | None) -> KeySerializationEncryption:
    return NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)


class Authority:
    """A root and an intermediate of the same kind, and what they issue."""

    def __init__(self, kind: str = "p256", name: str = "Test") -> None:
        self.name = name
        self.kind = kind

    @cached_property
    def root(self) -> Issued:
        return self.ca(f"{self.name} Root", issuer=None)

    @cached_property
    def intermediate(self) -> Issued:
        return self.ca(f"{self.name} Intermediate", issuer=self.root)

    def ca(self, common_name: str, *, issuer: Issued | None, **facts: Any) -> Issued:
        """Issue a CA certificate; ``issuer`` None makes it self-signed. ``facts`` as for ``leaf``."""
        usual = {"ca": True, "key_usage": ("keyCertSign", "cRLSign"), "extended_key_usage": None, "kind": self.kind}
        return issue((), issuer=issuer, common_name=common_name, **(usual | facts))

    def leaf(self, *addresses: str, issuer: Issued | None = None, **facts: Any) -> Issued:
        """Issue a leaf below the intermediate (or ``issuer``); ``facts`` are the keywords of ``issue``."""
        return issue(addresses, issuer=issuer or self.intermediate, **facts)

    def revocation_list(
        self,
        *revoked: Issued,
        issuer: Issued | None = None,
        at: datetime = NOT_BEFORE,
        until: datetime = NOT_AFTER,
        revoked_at: datetime | None = None,
        signer: Issued | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        entry_extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        number: int = 1,
    ) -> x509.CertificateRevocationList:
        """Issue a CRL of the intermediate (or ``issuer``), made at ``at``, that names ``revoked``.

        ``signer``: whose key signs it, where that is not the issuer's.
        """
        by = issuer or self.intermediate
        builder = x509.CertificateRevocationListBuilder().issuer_name(by.x509.subject)
        builder = builder.last_update(at).next_update(until)
        for extension, critical in ((x509.CRLNumber(number), False), *extensions):
            builder = builder.add_extension(extension, critical)
        for item in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(item.x509.serial_number)
            entry = entry.revocation_date(revoked_at or at)
            for extension, critical in entry_extensions:
                entry = entry.add_extension(extension, critical)
            builder = builder.add_revoked_certificate(entry.build())
        key = (signer or by).private_key
        return builder.sign(key, _digest(key))

    def status_response(
        self,
        leaf: Issued,
        *,
        revoked_at: datetime | None = None,
        at: datetime = NOT_BEFORE,
        until: datetime | None = NOT_AFTER,
        issuer: Issued | None = None,
        responder: Issued | None = None,
        unknown: bool = False,
    ) -> bytes:
        """Return an OCSP response (DER) about ``leaf`` made at ``at``: good, or revoked since ``revoked_at``.

        It is signed by the issuer above ``leaf``, or by ``responder``, whose certificate comes along. ``issuer``: whom
        the response names as the issuer.
        """
        above = leaf.issuers[0]
        by = responder or above
        status = ocsp.OCSPCertStatus.REVOKED if revoked_at else ocsp.OCSPCertStatus.GOOD
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=leaf.x509,
            issuer=(issuer or above).x509,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.UNKNOWN if unknown else status,
            this_update=at,
            next_update=until,
            revocation_time=revoked_at,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.x509)
        if responder is not None:
            builder = builder.certificates([responder.x509])
        return builder.sign(by.private_key, _digest(by.private_key)).public_bytes(Encoding.DER)

    def responder(self, *, issuer: Issued | None = None, no_check: bool = True, **facts: Any) -> Issued:
        """Issue an OCSP responder's certificate below the intermediate (or ``issuer``)."""
        extensions = ((x509.OCSPNoCheck(), False),) if no_check else ()
        facts = {"kind": "p256", "key_usage": ("digitalSignature",), "extended_key_usage": (OCSP_SIGNING,)} | facts
        return self.leaf(issuer=issuer, common_name="Test Responder", extensions=extensions, **facts)

    def self_signed(self, *addresses: str, **facts: Any) -> Issued:
        """Issue a leaf that nobody but itself vouches for."""
        return issue(addresses, issuer=None, **facts)


def issue(
    addresses: Iterable[str],
    *,
    issuer: Issued | None,
    kind: str = "rsa-2048",
    key: Any = None,
    common_name: str = "Test Leaf",
    subject_addresses: Sequence[str] = (),
    utf8_addresses: Sequence[str] = (),
    raw_san: bytes | None = None,
    other_names: Sequence[x509.GeneralName] = (),
    not_before: datetime = NOT_BEFORE,
    not_after: datetime = NOT_AFTER,
    key_usage: Sequence[str] | object | None = _BY_KIND,
    extended_key_usage: Sequence[str] | None = (EMAIL_PROTECTION,),
    ca: bool | None = False,
    key_ids: bool = True,
    serial: int | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    broken_signature: bool = False,
    digest: str | None = None,
) -> Issued:
    """Issue one certificate.

    ``utf8_addresses`` become SmtpUTF8Mailbox names; ``raw_san`` is the DER of the whole subjectAltName, for names no
    builder makes; ``ca`` None leaves basicConstraints out, ``key_usage`` and ``extended_key_usage`` None those;
    ``key_ids`` False leaves subject and authority key identifiers out; ``broken_signature`` alters the signature;
    ``digest`` is ``sha1`` or ``md5``, of an RSA issuer only.
    """
    key = key or make_key(kind)
    subject = _name(common_name, subject_addresses)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.x509.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    usage = default_usage(kind) if key_usage is _BY_KIND else key_usage
    for extension, critical in (
        *_constraints(ca, usage, extended_key_usage),
        *_alternative_names(addresses, utf8_addresses, raw_san, other_names),
        *(_key_ids(key, issuer) if key_ids else ()),
        *extensions,
    ):
        builder = builder.add_extension(extension, critical)
    signer = issuer.private_key if issuer else key
    signed = builder.sign(signer, _digest(signer))
    signed = _weakly_signed(signed, signer, digest) if digest else signed
    above = (issuer, *issuer.issuers) if issuer else ()
    return Issued(_broken(signed) if broken_signature else signed, key, above)


def _name(common_name: str, addresses: Sequence[str]) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Authority"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            *(x509.NameAttribute(NameOID.EMAIL_ADDRESS, address) for address in addresses),
        ]
    )


def _constraints(ca: bool | None, usage: Any, extended: Sequence[str] | None) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = []
    if ca is not None:
        found.append((x509.BasicConstraints(ca, None), True))
    if usage is not None:
        chosen = {field: name in usage for name, field in _USAGE_FIELDS.items()}
        found.append((x509.KeyUsage(encipher_only=False, decipher_only=False, **chosen), True))
    if extended is not None:
        found.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in extended]), False))
    return found


def _alternative_names(
    addresses: Iterable[str], utf8: Sequence[str], raw: bytes | None, others: Sequence[x509.GeneralName]
) -> list[tuple[x509.ExtensionType, bool]]:
    if raw is not None:
        return [(x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, raw), False)]
    mailbox = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.9")
    names: list[x509.GeneralName] = [x509.RFC822Name(address) for address in addresses]
    names += [x509.OtherName(mailbox, tlv(0x0C, address.encode())) for address in utf8]
    names += others
    return [(x509.SubjectAlternativeName(names), False)] if names else []


def _key_ids(key: Any, issuer: Issued | None) -> list[tuple[x509.ExtensionType, bool]]:
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer_key = issuer.private_key.public_key() if issuer else key.public_key()
    return [(own, False), (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False)]


def _weakly_signed(certificate: x509.Certificate, key: rsa.RSAPrivateKey, digest: str) -> x509.Certificate:
    """Sign again with a digest that the builder no longer takes: its OID differs in the last octet only."""
    pkcs1 = bytes.fromhex("2a864886f70d0101")
    hashed, octet = {"sha1": (hashes.SHA1(), b"\x05"), "md5": (hashes.MD5(), b"\x04")}[digest]
    body = certificate.tbs_certificate_bytes.replace(pkcs1 + b"\x0b", pkcs1 + octet)
    signature = key.sign(body, padding.PKCS1v15(), hashed)
    algorithm = tlv(0x30, tlv(0x06, pkcs1 + octet) + tlv(0x05, b""))
    return x509.load_der_x509_certificate(tlv(0x30, body + algorithm + tlv(0x03, b"\0" + signature)))


def _digest(key: Any) -> hashes.SHA256 | None:
    hashed = isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey)
    return hashes.SHA256() if hashed else None


def _broken(certificate: x509.Certificate) -> x509.Certificate:
    der = bytearray(certificate.public_bytes(Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_certificate(bytes(der))


def tlv(tag: int, content: bytes) -> bytes:
    """Return one DER element."""
    size = len(content)
    octets = (size.bit_length() + 7) // 8
    length = bytes([size]) if size < 128 else bytes([0x80 | octets]) + size.to_bytes(octets, "big")
    return bytes([tag]) + length + content


def general_names(*names: tuple[int, bytes]) -> bytes:
    """Return a subjectAltName value of (tag, content) pairs as they stand, e.g. ``(0x81, b"a@b\\0c")``."""
    return tlv(0x30, b"".join(tlv(tag, content) for tag, content in names))
