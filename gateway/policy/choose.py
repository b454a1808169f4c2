"""Which certificate serves: the newest valid one with the right usage, and, where none does, the nearest reason why.

One expired certificate among several never blocks (``expired`` is the answer only if nothing better exists), unless it
is pinned: then only what an administrator brought comes in its place. One that was found or learned serves only where
no better believed one does (``Origin``), however new it is (row CRT-06), and never signs. What the store knows against
one (``Holding.fault``) counts for signing and encrypting alike (row CRT-04).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from gateway.pki.certificate import Certificate
from gateway.pki.holding import Held, Holding
from gateway.pki.summary import validity_fault
from gateway.reason import Reason

H = TypeVar("H", bound=Held)

# From "nothing at all" to "nearly": the reason given is the one of the certificate that came nearest.
_NEARNESS = (
    Reason.NO_CERTIFICATE,
    Reason.WRONG_USAGE,
    Reason.UNSUPPORTED_ALGORITHM,
    Reason.WEAK_KEY,
    Reason.NO_KEY,
    Reason.EXPIRED,
    Reason.REVOKED,
    Reason.NOT_YET_VALID,
    Reason.UNTRUSTED,
)


def for_signing(holdings: Sequence[H], at: datetime) -> H | Reason:
    """Return the certificate to sign with at ``at``, or why there is none."""
    return _best(holdings, lambda holding: _signing_fault(holding, at))


def for_encryption(holdings: Sequence[H], at: datetime) -> H | Reason:
    """Return the certificate to encrypt to at ``at``, or why there is none."""
    return _best(holdings, lambda holding: _fault(holding, at, holding.certificate.may_encrypt))


def contradicts(certificate: Certificate, holdings: Sequence[Holding], at: datetime) -> bool:
    """Return whether another key holds the place of one that was found at an address whose leaves are ``holdings``.

    What is pinned holds it, and so does what an administrator brought, as long as it can be used.
    """
    return any(
        holding.certificate.public_key_id != certificate.public_key_id
        and (holding.pinned or (not holding.learned and _fault(holding, at, holding.certificate.may_encrypt) is None))
        for holding in holdings
    )


def _best(holdings: Sequence[H], fault: Callable[[H], Reason | None]) -> H | Reason:
    best: H | None = None
    nearest = Reason.NO_CERTIFICATE
    if any(holding.pinned for holding in holdings):
        holdings = [holding for holding in holdings if holding.pinned or not holding.learned]
    for holding in holdings:
        reason = fault(holding)
        if reason is not None:
            nearest = max(nearest, reason, key=_NEARNESS.index)
        elif best is None or _rank(holding) > _rank(best):
            best = holding
    return best or nearest


def _rank(holding: Held) -> tuple[bool, bool, int, datetime]:
    return holding.pinned, not holding.learned, holding.origin.rank, holding.certificate.not_before


def _signing_fault(holding: Held, at: datetime) -> Reason | None:
    if not holding.has_key:
        return Reason.NO_KEY if holding.certificate.may_sign else Reason.WRONG_USAGE
    if holding.learned and holding.certificate.may_sign:
        return Reason.UNTRUSTED
    return _fault(holding, at, holding.certificate.may_sign)


def _fault(holding: Held, at: datetime, usable: bool) -> Reason | None:
    certificate = holding.certificate
    if not usable:
        return Reason.WRONG_USAGE
    if not certificate.may_seal:
        return Reason.WEAK_KEY if certificate.key_kind == "rsa" else Reason.UNSUPPORTED_ALGORITHM
    untrusted = holding.distrusted or not holding.trusted
    return validity_fault(certificate, at) or (Reason.UNTRUSTED if untrusted else holding.fault)
