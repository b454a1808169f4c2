"""Algorithm identifiers with their parameters, written and strictly read (RFC 4055, RFC 5754)."""

from dataclasses import dataclass
from functools import cache

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields
from gateway.cms.algorithm import (
    AGREEMENT_BY_OID,
    CIPHER_BY_OID,
    CIPHERS,
    DIGESTS,
    ECDSA,
    ED25519,
    MGF1,
    NULL,
    P_SPECIFIED,
    PARAMETER_DIGESTS,
    RSA_ENCRYPTION,
    RSAES_OAEP,
    RSASSA_PSS,
    TRANSPORTS,
    WRAP_BY_OID,
    Agreement,
    Digest,
    KeyWrap,
    unsupported,
)
from gateway.errors import Malformed
from gateway.pki.key import KeyTransport, SignatureScheme
from gateway.pki.kinds import SignatureKind, TransportKind

_SALTS = range(1024 + 1)
"""Octets; OpenSSL fills the whole modulus unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """An AlgorithmIdentifier as read: content octets of its OID, and parameters."""

    oid: bytes
    parameters: Element | None

    @property
    def plain(self) -> bool:
        """Whether the parameters are absent or NULL."""
        return self.takes(NULL)

    def takes(self, parameters: bytes) -> bool:
        """Whether the parameters are absent, NULL or these."""
        return self.parameters is None or bytes(self.parameters.raw) in (NULL, parameters)


def read_identifier(element: Element) -> Identifier:
    """Read an AlgorithmIdentifier. Raises ``Malformed``."""
    if element.tag != der.SEQUENCE:
        element.expect(der.SEQUENCE)
    items = element.children
    count = len(items)
    if not 1 <= count <= 2:
        raise Malformed(f"{count} fields in the algorithm identifier at offset {element.start}")
    return Identifier(items[0].oid(), items[1] if count == 2 else None)


@cache
def signature_identifier(scheme: SignatureScheme) -> bytes:
    """Return the signatureAlgorithm of ``scheme``. Raises ``Rejected`` for one that is only read."""
    if scheme.kind == SignatureKind.RSA_PSS:
        return der.sequence(RSASSA_PSS, _pss_parameters(DIGESTS[scheme.digest]))
    if scheme.kind == SignatureKind.ECDSA:
        return der.sequence(ECDSA[scheme.digest].oid)
    if scheme.kind == SignatureKind.ED25519:
        return der.sequence(ED25519.oid)
    if scheme.kind == SignatureKind.RSA_PKCS1V15:
        return der.sequence(RSA_ENCRYPTION, NULL)
    raise unsupported(f"no {scheme.kind} signature is made here")


def _pss_parameters(digest: Digest) -> bytes:
    """RSASSA-PSS-params (RFC 4055 §3.1), salt as long as the digest."""
    return der.sequence(
        der.explicit(0, digest.parameter),
        der.explicit(1, der.sequence(MGF1, digest.parameter)),
        der.explicit(2, der.integer(digest.size)),
    )


@cache
def transport_identifier(transport: KeyTransport) -> bytes:
    """Return the keyEncryptionAlgorithm of ``transport``."""
    if transport.kind == TransportKind.PKCS1V15:
        return der.sequence(RSA_ENCRYPTION, NULL)
    return der.sequence(RSAES_OAEP, _oaep_parameters(transport))


def _oaep_parameters(transport: KeyTransport) -> bytes:
    """RSAES-OAEP-params (RFC 4055 §4.1), empty label."""
    return der.sequence(
        der.explicit(0, DIGESTS[transport.digest].parameter),
        der.explicit(1, der.sequence(MGF1, DIGESTS[transport.mgf_digest].parameter)),
    )


def read_transport(identifier: Identifier) -> KeyTransport:
    """Return the key transport that ``identifier`` names.

    OAEP parameters must be there and are read strictly: a fault in them never falls back to anything. Raises
    ``Malformed``, ``Rejected``.
    """
    if identifier.oid == RSA_ENCRYPTION[2:] and identifier.plain:
        return TRANSPORTS[TransportKind.PKCS1V15]
    if identifier.oid != RSAES_OAEP[2:]:
        raise unsupported("the key encryption algorithm is unknown or has wrong parameters")
    if identifier.parameters is None:
        raise Malformed("RSAES-OAEP without parameters")
    fields = Fields(identifier.parameters)
    digest = _parameter_digest(fields.optional(der.context(0)))
    mask = _mask_digest(fields.optional(der.context(1)))
    label = _label(fields.optional(der.context(2)))
    fields.end()
    return KeyTransport(TransportKind.OAEP, digest, mask, label)


def read_agreement(identifier: Identifier) -> tuple[Agreement, KeyWrap, bytes]:
    """Return key agreement, key wrap, and the DER of the wrap's AlgorithmIdentifier. Raises as ``read_transport``."""
    agreement = AGREEMENT_BY_OID.get(identifier.oid)
    if agreement is None or identifier.parameters is None:
        raise unsupported("the key agreement algorithm is unknown")
    return agreement, *read_wrap(read_identifier(identifier.parameters))


def read_wrap(identifier: Identifier) -> tuple[KeyWrap, bytes]:
    """Return a key wrap and the DER of its AlgorithmIdentifier as it stood there. Raises ``Rejected``."""
    wrap = WRAP_BY_OID.get(identifier.oid)
    if wrap is None or not identifier.plain:
        raise unsupported("the key wrap algorithm is unknown")
    return wrap, der.sequence(wrap.oid, b"" if identifier.parameters is None else NULL)


def read_pss(parameters: Element | None) -> tuple[str, str, int]:
    """Return digest, mask digest and salt length (octets) of RSASSA-PSS parameters (RFC 4055 §3.1).

    Raises ``Malformed``, ``Rejected``.
    """
    if parameters is None:
        raise Malformed("RSASSA-PSS without parameters")
    fields = Fields(parameters)
    digest = _parameter_digest(fields.optional(der.context(0)))
    mask = _mask_digest(fields.optional(der.context(1)))
    salt = fields.optional(der.context(2))
    trailer = fields.optional(der.context(3))
    fields.end()
    if trailer is not None and trailer.only().integer() != 1:
        raise unsupported("RSASSA-PSS with an unknown trailer")
    length = 20 if salt is None else salt.only().integer()
    if length not in _SALTS:
        raise unsupported(f"RSASSA-PSS with a salt of {length} octets")
    return digest, mask, length


def _parameter_digest(explicit: Element | None) -> str:
    """A HashAlgorithm under an explicit tag; absent: SHA-1 (RFC 4055)."""
    return "sha1" if explicit is None else _digest_name(read_identifier(explicit.only()))


def _mask_digest(explicit: Element | None) -> str:
    """A MaskGenAlgorithm under an explicit tag; absent: MGF1 with SHA-1 (RFC 4055)."""
    if explicit is None:
        return "sha1"
    identifier = read_identifier(explicit.only())
    if identifier.oid != MGF1[2:] or identifier.parameters is None:
        raise unsupported("a mask generation other than MGF1")
    return _digest_name(read_identifier(identifier.parameters))


def _digest_name(identifier: Identifier) -> str:
    name = PARAMETER_DIGESTS.get(identifier.oid)
    if name is None or not identifier.plain:
        raise unsupported("an unknown digest in the parameters of RSASSA-PSS or RSAES-OAEP")
    return name


def _label(explicit: Element | None) -> bytes:
    """A PSourceAlgorithm under an explicit tag; absent: the empty label (RFC 4055 §4.1)."""
    if explicit is None:
        return b""
    identifier = read_identifier(explicit.only())
    if identifier.oid != P_SPECIFIED[2:] or identifier.parameters is None:
        raise unsupported("an RSAES-OAEP label that is not given in the parameters")
    return identifier.parameters.octets()


def read_capabilities(element: Element) -> tuple[str, ...]:
    """Return what an SMIMECapabilities announces, in its order (RFC 8551 §2.5.2): names of content ciphers, ``oaep``.

    Parameters are not looked at and unknown capabilities are left out. Raises ``Malformed``.
    """
    found = []
    for item in element.expect(der.SEQUENCE).children:
        name = _CAPABILITIES.get(Fields(item).next().oid())
        if name is not None:
            found.append(name)
    return tuple(found)


_CAPABILITIES = {oid: row.name for oid, row in CIPHER_BY_OID.items()} | {RSAES_OAEP[2:]: TransportKind.OAEP}


def capabilities() -> bytes:
    """Return our SMIMECapabilities (RFC 8551 §2.5.2): what we can open, best first."""
    oaep = der.sequence(RSAES_OAEP, _oaep_parameters(TRANSPORTS[TransportKind.OAEP]))
    return der.sequence(*(der.sequence(cipher.oid) for cipher in CIPHERS.values()), oaep)
