"""What is to be stored of a file, and what is refused: each object judged by itself and by what came with it.

Nothing is written here, nor is anything asked of the store.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.errors import LimitExceeded, Malformed
from gateway.pki.acceptance import key_refusal, refusal
from gateway.pki.bundle import BundledKey, BundledObject, BundledRevocationList, BundleFault
from gateway.pki.certificate import Certificate, UnsupportedKey, public_key_id, read_certificate
from gateway.pki.issuance import Issuances, names_issuer
from gateway.pki.names import NameKey, name_key
from gateway.pki.revocation import RevocationList, check_entries, read_revocation_list
from gateway.pki.self_issued import Whose, as_person, is_in_question, whose
from gateway.reason import Reason
from gateway.store.certificates.said import BY_ITSELF

_CHECKS = 64
"""Signatures of one file that are checked to find out who issued what."""
_AMBIGUOUS = (
    "a self-issued CA certificate with a mail address: `import --as person` trusts it for itself and its own addresses,"
    " `import --as authority` makes it an anchor for every address"
)


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import: ``subject_email`` and ``accept_legacy`` as configured, the others as asked for.

    ``whose``: what a self-issued CA certificate with a mail address is taken for; None: that is judged.
    ``by``: who brings it. ``at`` (aware): what has expired by then is stored all the same, and said to have.
    """

    subject_email: str = "inbound"
    accept_legacy: bool = False
    trust: bool = True
    trust_cas: bool = False
    whose: Whose | None = None
    dry_run: bool = False
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    by: str = BY_ITSELF


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one object. ``result``: added, known or refused; ``text``: one line, empty where all is said.

    ``object``: ``certificate``, ``key`` or ``crl``, or where an unreadable one stood. ``fingerprint``: of a key, the
    SHA-256 of its public key. ``anchor``: this makes it a trust anchor, which it was not.
    """

    object: str
    result: str
    fingerprint: str | None = None
    addresses: tuple[str, ...] = ()
    subject: str | None = None
    reason: Reason | None = None
    text: str = ""
    anchor: bool = False


@dataclass(frozen=True, slots=True)
class NewKey:
    """A private key that may be stored."""

    key: PrivateKeyTypes
    passphrase: bytes | None


_Read = Imported | Certificate | RevocationList | BundledKey
Appraised = Imported | Certificate | RevocationList | NewKey


def appraised(objects: Sequence[BundledObject], options: ImportOptions) -> list[Appraised]:
    """Return, for each object of a file, what is to be stored, or why it is refused."""
    read = [_read(item) for item in objects]
    company = _Company(read)
    return [
        _certificate(item, company, options) if isinstance(item, Certificate) else _other(item, options)
        for item in read
    ]


def certificate_line(found: Certificate, result: str, reason: Reason | None, text: str) -> Imported:
    """Return what became of a certificate."""
    return Imported("certificate", result, found.fingerprint, found.addresses, found.subject, reason, text)


class _Company:
    """What a certificate came with."""

    def __init__(self, items: Iterable[_Read]) -> None:
        self._keys, self._issued = set(), dict[NameKey, list[Certificate]]()
        self._issuances = Issuances(_CHECKS)
        for item in items:
            if isinstance(item, BundledKey):
                self._keys.add(public_key_id(item.key.public_key()))
            elif isinstance(item, Certificate):
                self._issued.setdefault(name_key(item.issuer_der), []).append(item)

    def whose(self, certificate: Certificate) -> Whose | None:
        has_key = certificate.public_key_id in self._keys
        return whose(certificate, has_key=has_key, has_issued=self._has_issued(certificate))

    def _has_issued(self, certificate: Certificate) -> bool:
        namesakes = (item for item in self._issued.get(name_key(certificate.subject_der), ()) if item != certificate)
        return any(
            names_issuer(item, certificate) and self._issuances.signed(item, certificate)
            for item in islice(namesakes, _CHECKS)
        )


def _read(item: BundledObject) -> _Read:
    if isinstance(item, BundledKey):
        return item
    if isinstance(item, BundleFault):
        return Imported(item.name, "refused", reason=item.reason, text=item.text)
    try:
        return _revocation_list(item.der) if isinstance(item, BundledRevocationList) else read_certificate(item.der)
    except UnsupportedKey as error:
        return Imported("certificate", "refused", reason=Reason.UNSUPPORTED_ALGORITHM, text=str(error))
    except Malformed as error:
        reason = Reason.LIMIT if isinstance(error, LimitExceeded) else Reason.MALFORMED
        return Imported(item.name, "refused", reason=reason, text=str(error))


def _revocation_list(data: bytes) -> RevocationList:
    found = read_revocation_list(data)
    check_entries(found)
    return found


def _certificate(found: Certificate, company: _Company, options: ImportOptions) -> Imported | Certificate:
    if is_in_question(found):
        stands_for = options.whose or company.whose(found)
        if stands_for is None:
            return certificate_line(as_person(found), "refused", Reason.AMBIGUOUS, _AMBIGUOUS)
        found = as_person(found) if stands_for is Whose.PERSON else found
    refused = refusal(found, subject_email=options.subject_email, accept_legacy=options.accept_legacy)
    return certificate_line(found, "refused", *refused) if refused else found


def _other(item: Imported | RevocationList | BundledKey, options: ImportOptions) -> Appraised:
    if not isinstance(item, BundledKey):
        return item
    refused = key_refusal(item.key, accept_legacy=options.accept_legacy)
    if refused is not None:
        return Imported("key", "refused", reason=refused[0], text=refused[1])
    return NewKey(item.key, item.passphrase)
