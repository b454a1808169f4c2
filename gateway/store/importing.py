"""Taking files in: what a file holds is read, judged, and stored in one transaction. Held mail that waited for it is
made ready in the same.

What cannot be read (``malformed``, ``limit``) is a fault of the file: then nothing of it is stored. An object that may
not be stored, or that no passphrase opens, is refused by itself. Keys and certificates come in any order, in one file
or several; a key without a certificate waits, and serves every certificate with its public key.

Trust: a leaf is trusted for itself. A CA certificate is an anchor if its file holds no leaf; one that came along with
a leaf is an intermediate. A certificate that is known keeps its trust, except that an import that makes it trusted
lifts one that nobody had said anything of, or that mail had brought. A CRL is stored in the place of an older one of
its series.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from sqlalchemy import Connection

from gateway.errors import LimitExceeded, Malformed
from gateway.pki.acceptance import key_refusal, mail_addresses, refusal
from gateway.pki.bundle import (
    BundledCertificate,
    BundledKey,
    BundledObject,
    BundledRevocationList,
    read_bundle,
)
from gateway.pki.certificate import Certificate, UnsupportedKey, key_facts, public_key_id, read_certificate
from gateway.pki.revocation import RevocationList, check_entries, read_revocation_list
from gateway.reason import Reason
from gateway.store import certificates, keys, revocation_lists
from gateway.store.certificates import Trust
from gateway.store.opening import Store
from gateway.store.revocation_lists import Filed
from gateway.store.wrapping import KeyEncryptionKey

FILE_FAULTS = frozenset({Reason.MALFORMED, Reason.LIMIT})


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import: ``subject_email`` and ``accept_legacy`` as configured, the others as asked for.

    ``at`` (aware): what has expired by then is stored all the same, and said to have.
    """

    subject_email: str = "inbound"
    accept_legacy: bool = False
    trust: bool = True
    trust_cas: bool = False
    dry_run: bool = False
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one object. ``result``: added, known or refused; ``text``: one line, empty where all is said.

    ``object``: ``certificate``, ``key`` or ``crl``, or where an unreadable one stood. ``fingerprint``: of a key, the
    SHA-256 of its public key.
    """

    object: str
    result: str
    fingerprint: str | None = None
    addresses: tuple[str, ...] = ()
    subject: str | None = None
    reason: Reason | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Key:
    """A private key that may be stored."""

    key: PrivateKeyTypes
    passphrase: bytes | None


_Judged = Imported | Certificate | RevocationList | _Key


def import_file(store: Store, data: bytes, passphrases: Sequence[bytes], options: ImportOptions) -> list[Imported]:
    """Import what ``data`` holds; one result per object, in the file's order, or only the faults of the file.

    Raises ``Fault``, and ``Misconfigured`` where keys cannot be wrapped; then nothing is stored.
    """
    judged = [_judge(item, options) for item in read_bundle(data, passphrases).objects]
    if faults := [item for item in judged if isinstance(item, Imported) and item.reason in FILE_FAULTS]:
        return faults
    with store.database.change(keep=not options.dry_run) as connection:
        filing = _Filing(
            connection, options, _makes_anchors(judged, options), _key_for(connection, store, judged, options)
        )
        results = filing.all(judged)
    store.generation.expire()
    return results


def _judge(item: BundledObject, options: ImportOptions) -> _Judged:
    """Return what is to be stored, or why it is refused."""
    if isinstance(item, BundledCertificate):
        return _judge_certificate(item, options)
    if isinstance(item, BundledKey):
        refused = key_refusal(item.key, accept_legacy=options.accept_legacy)
        return (
            Imported("key", "refused", reason=refused[0], text=refused[1])
            if refused
            else _Key(item.key, item.passphrase)
        )
    if isinstance(item, BundledRevocationList):
        return _judge_revocation_list(item)
    return Imported(item.name, "refused", reason=item.reason, text=item.text)


def _judge_certificate(item: BundledCertificate, options: ImportOptions) -> Imported | Certificate:
    try:
        found = read_certificate(item.der)
    except UnsupportedKey as error:
        return Imported("certificate", "refused", reason=Reason.UNSUPPORTED_ALGORITHM, text=str(error))
    except Malformed as error:
        return _unreadable(item.name, error)
    refused = refusal(found, subject_email=options.subject_email, accept_legacy=options.accept_legacy)
    return _result(found, "refused", *refused) if refused else found


def _judge_revocation_list(item: BundledRevocationList) -> Imported | RevocationList:
    try:
        found = read_revocation_list(item.der)
        check_entries(found)
    except Malformed as error:
        return _unreadable(item.name, error)
    return found


def _unreadable(name: str, error: Malformed) -> Imported:
    reason = Reason.LIMIT if isinstance(error, LimitExceeded) else Reason.MALFORMED
    return Imported(name, "refused", reason=reason, text=str(error))


def _makes_anchors(judged: Sequence[_Judged], options: ImportOptions) -> bool:
    """Whether the CA certificates of this file become anchors. A refused certificate is a leaf: no CA is refused."""
    holds_leaf = any(
        not item.is_ca if isinstance(item, Certificate) else isinstance(item, Imported) and item.object == "certificate"
        for item in judged
    )
    return options.trust and (options.trust_cas or not holds_leaf)


def _key_for(
    connection: Connection, store: Store, judged: Sequence[_Judged], options: ImportOptions
) -> KeyEncryptionKey | None:
    """The key to wrap with; None where no private key is to be stored, so that none is created needlessly."""
    if not any(isinstance(item, _Key) for item in judged):
        return None
    return store.wrapping.rehearse() if options.dry_run else store.wrapping.first_use(connection)


@dataclass(frozen=True, slots=True)
class _Filing:
    """One transaction that stores what a file holds."""

    connection: Connection
    options: ImportOptions
    makes_anchors: bool
    wrapping_key: KeyEncryptionKey | None

    def all(self, judged: Sequence[_Judged]) -> list[Imported]:
        """Store everything, keys after certificates, so that only keys without any are waiting."""
        results: dict[int, Imported] = {}
        for place, item in sorted(enumerate(judged), key=lambda pair: isinstance(pair[1], _Key)):
            results[place] = self._one(item)
        return [results[place] for place in sorted(results)]

    def _one(self, item: _Judged) -> Imported:
        if isinstance(item, Certificate):
            return self._certificate(item)
        if isinstance(item, RevocationList):
            return self._revocation_list(item)
        return self._key(item) if isinstance(item, _Key) else item

    def _certificate(self, found: Certificate) -> Imported:
        trusted = self.makes_anchors if found.is_ca else self.options.trust
        wanted = Trust.TRUSTED if trusted else Trust.NONE
        before = certificates.trust_of(self.connection, found)
        if before is None:
            certificates.add(self.connection, found, mail_addresses(found, self.options.subject_email), wanted)
            return _result(found, "added", None, _standing(found, wanted, self.options.at))
        if wanted is Trust.TRUSTED and before in (Trust.NONE, *certificates.FROM_MAIL):
            certificates.mark(self.connection, found, wanted)
            return _result(
                found, "known", Reason.DUPLICATE, f"now trusted: {_standing(found, wanted, self.options.at)}"
            )
        return _result(found, "known", Reason.DUPLICATE, _standing(found, before, self.options.at))

    def _revocation_list(self, found: RevocationList) -> Imported:
        filed = revocation_lists.add(self.connection, found)
        result, reason = ("added", None) if filed.new else ("known", Reason.DUPLICATE)
        text = _beside(found, filed)
        return Imported("crl", result, found.fingerprint, subject=found.issuer, reason=reason, text=text)

    def _key(self, item: _Key) -> Imported:
        assert self.wrapping_key is not None
        name = public_key_id(item.key.public_key())
        new = keys.add(self.connection, self.wrapping_key, item.key, item.passphrase)
        waits = not keys.serves(self.connection, name)
        kind, size, _ = key_facts(item.key.public_key())
        text = f"{kind} {size}" + (", waiting for its certificate" if waits else "")
        reason = (Reason.WAITING if waits else None) if new else Reason.DUPLICATE
        return Imported("key", "added" if new else "known", name, reason=reason, text=text)


def _result(found: Certificate, result: str, reason: Reason | None, text: str) -> Imported:
    return Imported("certificate", result, found.fingerprint, found.addresses, found.subject, reason, text)


def _beside(found: RevocationList, filed: Filed) -> str:
    if filed.other is None or filed.other.fingerprint == found.fingerprint:
        return ""
    day = f"{filed.other.this_update:%Y-%m-%d}"
    return f"in the place of the one of {day}" if filed.new else f"a newer one, of {day}, is stored"


def _standing(found: Certificate, trust: Trust, at: datetime) -> str:
    if trust is Trust.DISTRUSTED:
        return f"distrusted; `cert trust {found.fingerprint[:16]}` lifts it"
    if trust in certificates.FROM_MAIL:
        return f"learned from mail; `cert trust {found.fingerprint[:16]}` trusts it"
    if trust is Trust.NONE:
        kind = "a CA, but no anchor" if found.is_ca else "not trusted"
        return f"{kind}; `cert trust {found.fingerprint[:16]}` trusts it"
    standing = "trust anchor: believed for every address" if found.is_ca else "trusted"
    return "; ".join((standing, *_limits(found, at)))


def _limits(found: Certificate, at: datetime) -> Iterator[str]:
    """What a trusted certificate is not good for, which the administrator may not expect."""
    fault = found.fault_at(at)
    if fault is not None:
        ended = f"expired {found.not_after:%Y-%m-%d}"
        word = ended if fault is Reason.EXPIRED else f"not valid before {found.not_before:%Y-%m-%d}"
        yield word if found.is_ca else f"{word}: seals nothing"
    elif not found.is_ca and not (found.may_sign and found.may_encrypt):
        yield "signs only" if found.may_sign else "encrypts only"
