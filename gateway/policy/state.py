"""What a stored certificate is good for now, in one word: the first that holds. The code that chooses says who is used.

Superseded is one in whose place others are chosen at each of its addresses: it seals nothing any more, and its key goes
on opening old mail.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.pki.holding import Held
from gateway.pki.summary import validity_fault
from gateway.policy.choose import for_encryption, for_signing
from gateway.reason import Reason

Chooser = Callable[[Sequence[Held], datetime], Held | Reason]


class State(StrEnum):
    """States, the first of which that holds is said. ``waiting``: of private keys without a certificate."""

    DISTRUSTED = "distrusted"
    REVOKED = "revoked"
    PENDING = "pending"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    SUPERSEDED = "superseded"
    CURRENT = "current"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a certificate. ``ends``: that it expires, or has expired, is somebody's task."""

    state: State
    ends: bool


def status_of(holding: Held, at: datetime, rivals: Iterable[Sequence[Held]]) -> Status:
    """Return how a certificate stands at ``at``.

    ``holding``: with what the store knows against it then (``fault``). ``rivals``: for each address that it is found by
    all leaves that hold it, likewise.
    """
    state = _by_itself(holding, at)
    if state not in (State.CURRENT, State.EXPIRED):
        return Status(state, ends=False)
    succeeded = _is_succeeded(holding, at, rivals)
    if state is State.EXPIRED:
        return Status(state, ends=holding.has_key and not holding.certificate.is_ca and not succeeded)
    return Status(State.SUPERSEDED if succeeded else state, ends=not succeeded)


def _by_itself(holding: Held, at: datetime) -> State:
    if holding.distrusted:
        return State.DISTRUSTED
    if holding.fault is Reason.REVOKED:
        return State.REVOKED
    if holding.learned and (not holding.trusted or holding.fault):
        return State.PENDING
    fault = validity_fault(holding.certificate, at)
    if fault is None:
        return State.CURRENT
    return State.EXPIRED if fault is Reason.EXPIRED else State.NOT_YET_VALID


def _is_succeeded(holding: Held, at: datetime, rivals: Iterable[Sequence[Held]]) -> bool:
    """Whether others are chosen at each of its addresses, for all that it may be used for."""
    choosers = _choosers(holding)
    choices = [choose(leaves, at) for leaves in rivals for choose in choosers]
    return bool(choices) and all(_is_another(choice, holding) for choice in choices)


def _choosers(holding: Held) -> Sequence[Chooser]:
    possible: dict[Chooser, bool] = {for_signing: holding.has_key and holding.certificate.may_sign}
    possible[for_encryption] = holding.certificate.may_encrypt
    return [choose for choose, may in possible.items() if may]


def _is_another(choice: Held | Reason, holding: Held) -> bool:
    """Whether it is another certificate's turn, one whose key is here where the old one's is."""
    if isinstance(choice, Reason):
        return False
    return choice.certificate.fingerprint != holding.certificate.fingerprint and choice.has_key >= holding.has_key
