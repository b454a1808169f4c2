"""What may be imported: the checks a certificate or private key has to pass before it is stored.

A leaf needs a mail address, usages that mail can use, and a key of a kind and size that is worth trusting. A CA
certificate (``CA:TRUE``) is exempt: it signs and encrypts no mail. Dates are not looked at, because old mail needs old
certificates; what seals new mail is chosen when it is sent.

Deliberate readings: an absent keyUsage restricts nothing (RFC 5280 §4.2.1.3); nonRepudiation alone is a signing usage
(RFC 8550 §4.4.2); anyExtendedKeyUsage alone does not make a mail certificate here, though a signer's may carry it.
"""

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.asn1.oid import Oid
from gateway.pki.certificate import (
    NIST_CURVES,
    RSA_BITS,
    Certificate,
    UnsupportedKey,
    key_facts,
)
from gateway.pki.kinds import KeyKind
from gateway.pki.names import same_name
from gateway.reason import Reason

LEGACY_RSA_BITS = 1024
CURVES = NIST_CURVES | {"brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"}

_OLD_ROOT = (
    "a root of version {}, which cannot say that it is an authority; import the authority's present root, or trust the"
    " intermediate below it"
)

Refusal = tuple[Reason, str]
"""A reason code and one line: what is wrong and what to do."""


def refusal(certificate: Certificate, *, subject_email: str, accept_legacy: bool = False) -> Refusal | None:
    """Return why ``certificate`` is not stored, None: it is.

    ``subject_email`` is ``never``, ``inbound`` or ``always``: only with the last a subject emailAddress counts where
    the SAN holds no mail name. ``accept_legacy`` lets RSA 1024 and DSA in.
    """
    if certificate.is_ca:
        return None
    kind, size, curve = certificate.key_kind, certificate.key_size, certificate.curve
    return (
        _key_refusal(kind, size, curve, accept_legacy)
        or _address_refusal(certificate, subject_email)
        or _usage_refusal(certificate)
    )


def key_refusal(key: PrivateKeyTypes, *, accept_legacy: bool = False) -> Refusal | None:
    """Return why a private key is not stored; a DSA key never is, for it neither signs for us nor decrypts."""
    try:
        kind, size, curve = key_facts(key.public_key())
    except UnsupportedKey as error:
        return Reason.UNSUPPORTED_ALGORITHM, f"{error}; use an RSA or EC key"
    return _key_refusal(kind, size, curve, accept_legacy and kind != KeyKind.DSA)


def mail_addresses(certificate: Certificate, subject_email: str) -> tuple[str, ...]:
    """Return the addresses that a stored certificate serves (RFC 8550 §3): its SAN's, else perhaps the subject's."""
    if certificate.addresses or subject_email != "always":
        return certificate.addresses
    return certificate.subject_addresses


def _key_refusal(kind: KeyKind, size: int, curve: str | None, accept_legacy: bool) -> Refusal | None:
    if kind.is_rsa and size < (LEGACY_RSA_BITS if accept_legacy else RSA_BITS.start):
        return Reason.WEAK_KEY, f"RSA key of {size} bits; at least {RSA_BITS.start} are needed, ask for a new one"
    if kind.is_rsa and size >= RSA_BITS.stop:
        return Reason.UNSUPPORTED_ALGORITHM, f"RSA key of {size} bits; at most {RSA_BITS.stop - 1} are supported"
    if kind == KeyKind.DSA and not accept_legacy:
        return Reason.UNSUPPORTED_ALGORITHM, "DSA key; S/MIME needs an RSA, EC, Ed25519 or X25519 key"
    if kind == KeyKind.EC and curve not in CURVES:
        return Reason.UNSUPPORTED_ALGORITHM, f"EC key on the curve {curve}; use P-256, P-384 or P-521"
    return None


def _address_refusal(certificate: Certificate, subject_email: str) -> Refusal | None:
    if mail_addresses(certificate, subject_email):
        return None
    if certificate.version < 3 and same_name(certificate.subject_der, certificate.issuer_der):
        return Reason.NO_ADDRESS, _OLD_ROOT.format(certificate.version)
    hint = "; addresses.subject_email: always accepts the one in its subject" if certificate.subject_addresses else ""
    return Reason.NO_ADDRESS, f"no usable e-mail address in the subjectAltName; ask for a mail certificate{hint}"


def _usage_refusal(certificate: Certificate) -> Refusal | None:
    extended = certificate.extended_key_usage
    if extended is not None and Oid.EMAIL_PROTECTION not in extended:
        return Reason.WRONG_USAGE, "its extended key usage lacks emailProtection; ask for a mail certificate"
    if not (certificate.may_sign or certificate.may_encrypt):
        usages = ", ".join(sorted(certificate.key_usage or ())) or "nothing"
        return (
            Reason.WRONG_USAGE,
            f"its key usage ({usages}) neither signs nor encrypts mail; ask for a mail certificate",
        )
    return None
