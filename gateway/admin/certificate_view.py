"""How a certificate is told: as one of a list, and with all that is known of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from hashlib import sha1
from typing import Any, Self

from gateway.admin.key_view import KeyView
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.policy.state import State, Status
from gateway.store import Store
from gateway.store.keys.private_keys import StoredKey


class CertificateKind(StrEnum):
    """Whose certificate it is."""

    LEAF = "leaf"
    CA = "ca"


class Use(StrEnum):
    """What a certificate is for."""

    CA = "ca"
    SIGN = "sign"
    ENCRYPT = "encrypt"


class Origin(StrEnum):
    """Where a certificate comes from."""

    IMPORTED = "imported"
    LEARNED = "learned"


class TrustWord(StrEnum):
    """What was said of a certificate; of one that mail brought, whether it is used meanwhile."""

    NONE = "none"
    ANCHOR = "anchor"
    TRUSTED = "trusted"
    DISTRUSTED = "distrusted"
    LEARNED = "learned"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A stored certificate, as lists tell it. ``serial`` and ``sha1`` are hexadecimal; ``seen``: last used.

    ``notes``: what its owner should know of it, as phrases. ``key_size`` in bits. ``added``: where that is known.
    """

    fingerprint: str
    addresses: tuple[str, ...]
    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    state: State
    trust: TrustWord
    origin: Origin
    kind: CertificateKind
    has_key: bool
    uses: tuple[Use, ...]
    pinned: bool
    seen: datetime | None
    added: datetime | None
    notes: tuple[str, ...]
    algorithm: str
    key_size: int
    curve: str | None
    sha1: str


@dataclass(frozen=True, slots=True)
class CertificateDetail(CertificateView):
    """All that is known of one.

    ``chain``: fingerprints of what goes along with its signatures; ``chain_gap``: what is missing there.
    ``path``: fingerprints of what stands above it, ``path_subjects`` their names; ``anchored``: up to an anchor.
    """

    chain: tuple[str, ...]
    chain_gap: str | None
    path: tuple[str, ...]
    anchored: bool
    path_subjects: tuple[str, ...]
    key: KeyView | None

    @classmethod
    def of(cls, view: CertificateView, **more: Any) -> Self:
        """Return what a list tells, and more."""
        return cls(**{field.name: getattr(view, field.name) for field in fields(view)}, **more)


@dataclass(frozen=True, slots=True)
class WaitingView:
    """A private key that has no certificate yet, in a list of certificates."""

    fingerprint: None
    public_key_id: str
    addresses: tuple[str, ...]
    state: State
    has_key: bool
    algorithm: str
    key_size: int


@dataclass(frozen=True, slots=True)
class NamedCertificate:
    """A certificate by its fingerprint, and by what people know it: its addresses, else its subject."""

    fingerprint: str
    name: str


def views(store: Store, found: Sequence[Holding], at: datetime) -> list[CertificateView]:
    """Return stored certificates as they stand at ``at``. Raises ``Fault``."""
    statuses = store.certificates.statuses(found, at)
    return [certificate_view(store, item, status) for item, status in zip(found, statuses, strict=True)]


def waiting_view(key: StoredKey) -> WaitingView:
    """Return a private key as one of a list of certificates."""
    return WaitingView(None, key.public_key_id, (), State.WAITING, True, key.kind, key.size)


def named(certificate: Certificate) -> NamedCertificate:
    """Return how sentences name a certificate."""
    return NamedCertificate(certificate.fingerprint, ", ".join(certificate.addresses) or certificate.subject)


def trust_word(holding: Holding) -> TrustWord:
    """Return in one word what was said of a certificate."""
    if holding.learned:
        return TrustWord.LEARNED if holding.trusted else TrustWord.QUARANTINED
    if holding.distrusted:
        return TrustWord.DISTRUSTED
    if not holding.trusted:
        return TrustWord.NONE
    return TrustWord.ANCHOR if holding.certificate.is_ca else TrustWord.TRUSTED


def certificate_view(store: Store, holding: Holding, status: Status) -> CertificateView:
    """Return a stored certificate that stands so. Raises ``Fault``."""
    certificate = holding.certificate
    return CertificateView(
        fingerprint=certificate.fingerprint,
        addresses=certificate.addresses,
        subject=certificate.subject,
        issuer=certificate.issuer,
        serial=f"{certificate.serial:x}",
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        state=status.state,
        trust=trust_word(holding),
        origin=Origin.LEARNED if holding.learned else Origin.IMPORTED,
        kind=CertificateKind.CA if certificate.is_ca else CertificateKind.LEAF,
        has_key=holding.has_key,
        uses=tuple(_uses(certificate)),
        pinned=not holding.learned,
        seen=None,
        added=holding.added_at,
        notes=tuple(_notes(store, holding)),
        algorithm=certificate.key_kind,
        key_size=certificate.key_size,
        curve=certificate.curve,
        # A name that other programs show; nothing is decided by it.
        sha1=sha1(certificate.der, usedforsecurity=False).hexdigest(),
    )


def _uses(certificate: Certificate) -> Iterator[Use]:
    possible = {Use.CA: certificate.is_ca, Use.SIGN: certificate.may_sign, Use.ENCRYPT: certificate.may_encrypt}
    return (use for use, may in possible.items() if may)


def _notes(store: Store, item: Holding) -> Iterator[str]:
    if item.certificate.sealing_fault:
        yield item.certificate.sealing_fault
    if item.has_key and not item.certificate.is_ca and store.certificates.whole_chain(item.certificate).is_cut:
        yield "incomplete chain"
