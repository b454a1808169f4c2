"""What would help a message that could not be opened or judged: a key, a signer's certificate, a CA.

A ``Need`` is named as the message names it: a recipient or signer by issuer and serial number or by key identifier
(RFC 5652 §5.3, §6.2.1), a CA by its subject or key identifier. ``brings`` says which needs a certificate meets, so that
what waits for it is found by an index. Names are compared as path building compares them (``issuance``), so a need
that is met may still turn out not to be enough; one that is not met never would have been.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256

from gateway.pki.certificate import Certificate
from gateway.pki.names import MAX_DISTINGUISHED, name_key


class NeedKind(StrEnum):
    """What is needed: the private key of a recipient, a signer's certificate, a CA certificate, or another setting."""

    RECIPIENT = "recipient"
    SIGNER = "signer"
    ISSUER = "issuer"
    SETTING = "setting"


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that would help. ``text`` names it for people and does not count in comparisons."""

    kind: NeedKind
    value: str
    """SHA-256 over the name, lower-case hexadecimal."""
    text: str = field(default="", compare=False)


def by_serial(kind: NeedKind, issuer_der: bytes, serial: int, text: str = "") -> Need:
    """Return the need for a recipient or signer that is named by issuer (DER of the Name) and serial number."""
    return Need(kind, _digest("serial", f"{serial:x} {name_id(issuer_der)}".encode()), text)


def by_key_id(kind: NeedKind, key_id: bytes, text: str = "") -> Need:
    """Return the need for what has this subject key identifier."""
    return Need(kind, _digest("key", key_id), text)


def by_subject(subject_der: bytes, text: str = "") -> Need:
    """Return the need for a CA certificate with this subject (DER of the Name)."""
    return Need(NeedKind.ISSUER, _digest("subject", name_id(subject_der).encode()), text)


def brings(certificate: Certificate, has_key: bool) -> frozenset[Need]:
    """Return the needs that a certificate meets once it is stored, or trusted; ``has_key``: its key is stored, too."""
    kinds = [NeedKind.SIGNER]
    if has_key:
        kinds.append(NeedKind.RECIPIENT)
    met = {by_serial(kind, certificate.issuer_der, certificate.serial) for kind in kinds}
    if certificate.is_ca:
        met.add(by_subject(certificate.subject_der))
        kinds.append(NeedKind.ISSUER)
    if certificate.subject_key_id is not None:
        met |= {by_key_id(kind, certificate.subject_key_id) for kind in kinds}
    return frozenset(met)


def name_id(der: bytes) -> str:
    """Return the SHA-256, lower-case hexadecimal, that equal Names (DER) have in common."""
    return _usual(der) if len(der) <= MAX_DISTINGUISHED else _name_id(der)


def _name_id(der: bytes) -> str:
    parts = [sorted(map(repr, rdn)) for rdn in name_key(der)]
    return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


_usual = lru_cache(1024)(_name_id)


def _digest(form: str, name: bytes) -> str:
    return sha256(form.encode() + b" " + name).hexdigest()


LEGACY = Need(NeedKind.SETTING, _digest("setting", b"algorithms.accept_legacy"), "algorithms.accept_legacy")
"""Another value of this key of the configuration."""
