"""How a certificate is told: as one of a list, and with all that is known of it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from gateway.admin.background import RevocationView, UseView
from gateway.admin.key_view import KeyView
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Held
from gateway.pki.kinds import KeyKind
from gateway.pki.summary import Summary, sealing_fault
from gateway.policy.state import State
from gateway.store import Store
from gateway.store.certificates.entry import Entry, Listed
from gateway.store.certificates.said import Origin as Origin
from gateway.store.certificates.said import Waits
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


class TrustWord(StrEnum):
    """What was said of a certificate; of one that mail or a source brought, whether it is used meanwhile."""

    NONE = "none"
    ANCHOR = "anchor"
    TRUSTED = "trusted"
    DISTRUSTED = "distrusted"
    APPROVED = "approved"
    FOUND = "found"
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
    algorithm: KeyKind
    key_size: int
    curve: str | None
    sha1: str
    source: str | None
    """The name of the source that found it."""


@dataclass(frozen=True, slots=True)
class CertificateDetail(CertificateView):
    """All that is known of one.

    ``chain``: fingerprints of what goes along with its signatures; ``chain_gap``: what is missing there.
    ``path``: fingerprints of what stands above it, ``path_subjects`` their names; ``anchored``: up to an anchor.
    ``last_use``: the message that used it last, ``seen`` its time, where one is found.
    """

    chain: tuple[str, ...]
    chain_gap: str | None
    path: tuple[str, ...]
    anchored: bool
    path_subjects: tuple[str, ...]
    key: KeyView | None
    revocation: RevocationView
    last_use: UseView | None

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
    algorithm: KeyKind
    key_size: int


@dataclass(frozen=True, slots=True)
class NamedCertificate:
    """A certificate by its fingerprint, and by what people know it: its addresses, else its subject."""

    fingerprint: str
    name: str


def waiting_view(key: StoredKey) -> WaitingView:
    """Return a private key as one of a list of certificates."""
    return WaitingView(None, key.public_key_id, (), State.WAITING, True, KeyKind(key.kind), key.size)


def named(certificate: Certificate) -> NamedCertificate:
    """Return how sentences name a certificate."""
    return NamedCertificate(certificate.fingerprint, ", ".join(certificate.addresses) or certificate.subject)


def trust_word(holding: Held) -> TrustWord:
    """Return in one word what was said of a certificate."""
    if holding.learned:
        return _unspoken_word(holding)
    if holding.distrusted:
        return TrustWord.DISTRUSTED
    if not holding.trusted:
        return TrustWord.NONE
    return TrustWord.ANCHOR if holding.certificate.is_ca else TrustWord.TRUSTED


def _unspoken_word(holding: Held) -> TrustWord:
    if holding.approved:
        return TrustWord.APPROVED
    if not holding.trusted:
        return TrustWord.QUARANTINED
    return TrustWord.LEARNED if holding.origin is Origin.LEARNED else TrustWord.FOUND


def certificate_view(store: Store, listed: Listed) -> CertificateView:
    """Return a stored certificate that stands so. Raises ``Fault``."""
    entry, certificate = listed.entry, listed.entry.certificate
    return CertificateView(
        fingerprint=certificate.fingerprint,
        addresses=certificate.addresses,
        subject=certificate.subject,
        issuer=certificate.issuer,
        serial=certificate.serial,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        state=listed.status.state,
        trust=trust_word(entry),
        origin=entry.said.origin,
        kind=CertificateKind.CA if certificate.is_ca else CertificateKind.LEAF,
        has_key=entry.has_key,
        uses=tuple(_uses(certificate)),
        pinned=entry.pinned or not entry.learned,
        seen=None,
        added=entry.added_at,
        notes=tuple(_notes(store, entry)),
        algorithm=certificate.key_kind,
        key_size=certificate.key_size,
        curve=certificate.curve,
        sha1=certificate.sha1,
        source=entry.said.source,
    )


def _uses(certificate: Summary) -> Iterator[Use]:
    possible = {Use.CA: certificate.is_ca, Use.SIGN: certificate.may_sign, Use.ENCRYPT: certificate.may_encrypt}
    return (use for use, may in possible.items() if may)


def _notes(store: Store, entry: Entry) -> Iterator[str]:
    seals_nothing = sealing_fault(entry.certificate)
    if seals_nothing:
        yield seals_nothing
    if entry.learned and entry.said.waits is Waits.CHANGE:
        yield "another key is pinned"
    if entry.said.pinned:
        yield "pinned"
    if entry.has_key and not entry.certificate.is_ca and store.certificates.is_cut(entry.certificate.fingerprint):
        yield "incomplete chain"
