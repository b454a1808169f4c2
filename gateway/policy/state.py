"""What a stored certificate is good for now, in one word: the first that holds. The code that chooses says who is used.

Superseded is one in whose place others are chosen at each of its addresses: it seals nothing any more, and its key goes
on opening old mail.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.pki.holding import Holding
from gateway.policy.choose import for_encryption, for_signing
from gateway.reason import Reason

Chooser = Callable[[Sequence[Holding], datetime], Holding | Reason]


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


def status_of(holding: Holding, at: datetime, rivals: Mapping[str, Sequence[Holding]]) -> Status:
    """Return how a certificate stands at ``at``.

    ``holding``: with what the store knows against it then (``fault``). ``rivals``: by address all leaves that hold it,
    likewise.
    """
    state = _by_itself(holding, at)
    if state not in (State.CURRENT, State.EXPIRED):
        return Status(state, ends=False)
    succeeded = _is_succeeded(holding, at, rivals)
    if state is State.EXPIRED:
        return Status(state, ends=holding.has_key and not holding.certificate.is_ca and not succeeded)
    return Status(State.SUPERSEDED if succeeded else state, ends=not succeeded)


def _by_itself(holding: Holding, at: datetime) -> State:
    if holding.distrusted:
        return State.DISTRUSTED
    if holding.fault is Reason.REVOKED:
        return State.REVOKED
    if holding.learned and (not holding.trusted or holding.fault):
        return State.PENDING
    fault = holding.certificate.fault_at(at)
    if fault is None:
        return State.CURRENT
    return State.EXPIRED if fault is Reason.EXPIRED else State.NOT_YET_VALID


def _is_succeeded(holding: Holding, at: datetime, rivals: Mapping[str, Sequence[Holding]]) -> bool:
    """Whether others are chosen at each of its addresses, for all that it may be used for."""
    names, choosers = findable_by(holding), tuple(_choosers(holding))
    choices = [choose(rivals.get(name, ()), at) for name in names for choose in choosers]
    return bool(choices) and all(_is_another(choice, holding) for choice in choices)


def findable_by(holding: Holding) -> tuple[str, ...]:
    """Return the addresses that a certificate may be found by."""
    return holding.certificate.addresses or holding.certificate.subject_addresses


def _choosers(holding: Holding) -> Sequence[Chooser]:
    possible = {for_signing: holding.has_key and holding.certificate.may_sign}
    possible[for_encryption] = holding.certificate.may_encrypt
    return [choose for choose, may in possible.items() if may]


def _is_another(choice: Holding | Reason, holding: Holding) -> bool:
    """Whether it is another certificate's turn, one whose key is here where the old one's is."""
    if isinstance(choice, Reason):
        return False
    return choice.certificate != holding.certificate and choice.has_key >= holding.has_key
