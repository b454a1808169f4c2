"""Which certificates of an answer may serve for an address, and on whose word.

Whoever fills a directory may be anybody. So a certificate is looked at as an import looks at one, has to hold the
address itself, and is used by itself only where its path ends in an anchor, or where the DNS vouches for it and its
source says that this is enough. Certificates of authorities in an answer help to build the path, and are believed
nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import Malformed
from gateway.lookup.answer import Answer
from gateway.mail.address import same_mailbox
from gateway.pki.acceptance import mail_addresses, refusal
from gateway.pki.certificate import Certificate, read_certificate
from gateway.pki.holding import Holding
from gateway.pki.validation import PathFinding, judge
from gateway.policy.choose import contradicts
from gateway.store import Store
from gateway.store.certificates.found import PER_ADDRESS, Find
from gateway.store.certificates.said import Waits

MOST_SIZE = 16 * 1024
"""Octets of a certificate; usual ones have 2,000."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How addresses compare (``addresses`` in the configuration)."""

    subject_email: str = "inbound"
    fold: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: an address, at a time, of a source whose certificates need ``minimum``."""

    address: str
    at: datetime
    minimum: str


def believed(answer: Answer, asked: Asked, known: Sequence[Holding], store: Store, settings: Settings) -> list[Find]:
    """Return the certificates that may serve, the newest first. ``known``: what is stored of the address already.

    Raises ``Fault``.
    """
    read = list(dict.fromkeys(_read(answer)))
    above = [each for each in read if each.is_ca]
    leaves = [each for each in read if not each.is_ca and _may_serve(each, asked, settings)]
    newest = sorted(leaves, key=lambda each: (each.not_before, each.fingerprint), reverse=True)[:PER_ADDRESS]
    return [_find(each, above, answer, asked, known, store) for each in newest]


def _read(answer: Answer) -> Iterator[Certificate]:
    for der in answer.certificates:
        if len(der) > MOST_SIZE:
            continue
        try:
            yield read_certificate(der)
        except Malformed:
            continue


def _may_serve(leaf: Certificate, asked: Asked, settings: Settings) -> bool:
    named = mail_addresses(leaf, settings.subject_email)
    return (
        refusal(leaf, subject_email=settings.subject_email) is None
        and any(same_mailbox(asked.address, name, fold=settings.fold) for name in named)
        and leaf.may_encrypt
        and leaf.may_seal
        and leaf.not_after > asked.at
    )


def _find(
    leaf: Certificate,
    above: Sequence[Certificate],
    answer: Answer,
    asked: Asked,
    known: Sequence[Holding],
    store: Store,
) -> Find:
    path = judge(leaf, above, store.evidence.trust(leaf), asked.at, store.evidence.revocation(leaf))
    dnssec = answer.secure and asked.minimum == "dnssec"
    waits = _waits(path, contradicts(leaf, known, asked.at), asked, dnssec=dnssec)
    # The end of a path is an anchor, which is stored, or nobody that helps.
    return Find(leaf, path.path[1:-1], waits, dnssec)


def _waits(path: PathFinding, contradicted: bool, asked: Asked, *, dnssec: bool) -> Waits | None:
    if contradicted:
        return Waits.CHANGE
    if asked.minimum == "pending":
        return Waits.MINIMUM
    return None if dnssec or path.holds_for_encryption else Waits.PATH
