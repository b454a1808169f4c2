"""Which certificates the evidence at hand may revoke, told from columns; whether it does, the path says (``standing``).

An authority's list names certificates by serial number, an OCSP response its own; what stands below an authority that
may be revoked may be so, too. Nearly always nobody is named, and then no certificate has to be read.
"""

from collections.abc import Collection

from gateway.pki.certificate import Certificate
from gateway.pki.need import name_id
from gateway.pki.revocation import RevocationEvidence, RevocationList
from gateway.store.revocation.responses import says_revoked


class Doubt:
    """What speaks against certificates."""

    def __init__(self, evidence: RevocationEvidence, authorities: Collection[Certificate]) -> None:
        """``evidence``: all lists, and the responses about ``authorities``: all that are stored."""
        self._lists: dict[str, list[RevocationList]] = {}
        for item in evidence.lists:
            if item.size:
                # An indirect list may name certificates of any issuer.
                self._lists.setdefault("" if item.is_indirect else name_id(item.issuer_der), []).append(item)
        # A response does not say in so many words which authority it is about; few are ever revoked.
        any_may_be = any(map(says_revoked, evidence.responses))
        self._fallen = _subjects(authorities) if any_may_be else self._named_below(authorities)

    @property
    def issuers(self) -> frozenset[str]:
        """Of whose certificates some may be revoked, by ``pki.need.name_id``; an indirect list may name others'."""
        return self._fallen.union(self._lists)

    @property
    def names_any_issuer(self) -> bool:
        """Whether there is an indirect list."""
        return "" in self._lists

    def of(self, issuer_id: str, serial: int) -> bool:
        """Return whether a certificate may be revoked. ``issuer_id``: the ``pki.need.name_id`` of its issuer."""
        return issuer_id in self._fallen or self._names(issuer_id, serial)

    def _names(self, issuer_id: str, serial: int) -> bool:
        lists = (*self._lists.get(issuer_id, ()), *self._lists.get("", ()))
        return serial >= 0 and any(item.entries({serial}) for item in lists)

    def _named_below(self, authorities: Collection[Certificate]) -> frozenset[str]:
        """Return the names of the authorities that a list names, and of those below them."""
        if not self._lists:
            return frozenset()
        above = [(name_id(item.subject_der), name_id(item.issuer_der), item.serial) for item in authorities]
        fallen = {subject for subject, issuer, serial in above if self._names(issuer, serial)}
        while more := {subject for subject, issuer, _ in above if issuer in fallen} - fallen:
            fallen |= more
        return frozenset(fallen)


def _subjects(authorities: Collection[Certificate]) -> frozenset[str]:
    return frozenset(name_id(item.subject_der) for item in authorities)
