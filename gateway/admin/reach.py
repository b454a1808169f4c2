"""How far somebody reaches who is limited to groups.

Of certificates he sees those of others, and of our own, which have a key here, those of his groups only; of keys
theirs. He changes nothing that is not theirs. What he may not see is not there for him (row WEB-05).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.admin.permission import Grant, Permission
from gateway.errors import Absent, Forbidden
from gateway.pki.holding import Holding
from gateway.policy.rule import Rules
from gateway.wiring import Wiring, build_rules

_FULL = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reach:
    """A grant under the groups in force."""

    grant: Grant
    rules: Rules

    @classmethod
    def of(cls, wiring: Wiring, grant: Grant) -> "Reach":
        """Return how far a grant reaches."""
        return cls(grant, build_rules(wiring.options))

    def has(self, addresses: Iterable[str]) -> bool:
        """Whether one of these addresses is of a group that it goes for; without limits always."""
        if self.grant.is_whole:
            return True
        groups = (self.rules.group_of(address) for address in addresses)
        return self.grant.reaches(group.name for group in groups if group is not None)

    def sees(self, addresses: Iterable[str], *, has_key: bool) -> bool:
        """Whether a certificate with these addresses may be seen."""
        return not has_key or self.has(addresses)


def certificate(wiring: Wiring, grant: Grant, name: str) -> Holding:
    """Return a certificate that may be seen, by its whole fingerprint. Raises ``Fault``, ``Absent``."""
    holding = wiring.store.certificates.get(name) if _FULL.fullmatch(name) else None
    if holding is None or not Reach.of(wiring, grant).sees(holding.certificate.addresses, has_key=holding.has_key):
        raise Absent(f"no certificate {name} is stored")
    return holding


def changeable(wiring: Wiring, grant: Grant, name: str) -> Holding:
    """Return a certificate of which something may be said. Raises ``Fault``, ``Absent``, ``Forbidden``."""
    holding = certificate(wiring, grant, name)
    if not grant.is_whole and not holding.has_key:
        raise Forbidden("whoever is limited to groups changes their own certificates only")
    if holding.certificate.is_ca and not grant.may(Permission.ADMIN):
        raise Forbidden("what is believed of an authority, only an administrator says")
    return holding


def key(wiring: Wiring, grant: Grant, name: str) -> None:
    """See that a private key may be seen, by the whole id of its public key. Raises ``Fault``, ``Absent``."""
    stored = wiring.store.keys.get(name) if _FULL.fullmatch(name) else None
    if stored is None or not has_key(wiring, Reach.of(wiring, grant), stored.certificates):
        raise Absent(f"no private key {name} is stored")


def has_key(wiring: Wiring, reach: Reach, certificates: Iterable[str]) -> bool:
    """Whether a private key with these certificates (fingerprints) may be seen. Raises ``Fault``."""
    return reach.grant.is_whole or any(
        reach.has(wiring.store.certificates.get(each).certificate.addresses) for each in certificates
    )
