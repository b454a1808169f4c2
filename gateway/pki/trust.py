"""What an administrator decided about certificates, as one snapshot: whom to trust, whom not, and what is merely known.

A trusted CA certificate is an anchor: paths may end there. A trusted leaf is trusted for itself and vouches for nobody
else; so is a CA certificate that is stored as a person's (``self_issued``), and it is read so wherever it came from.
Distrust reaches further than one certificate: every certificate of the same name and key is meant, but for those that
are trusted themselves. Certificates that arrive in mail are never part of it.
"""

from collections.abc import Iterable
from hashlib import sha256

from gateway.pki.certificate import Certificate
from gateway.pki.issuance import identity, may_issue
from gateway.pki.names import NameKey, name_key


class TrustSnapshot:
    """A snapshot; ``key`` names its content, so that two alike are known as one."""

    def __init__(
        self,
        trusted: Iterable[Certificate] = (),
        known: Iterable[Certificate] = (),
        distrusted: Iterable[Certificate] = (),
    ) -> None:
        """``known``: stored CA certificates that are no anchors, to build paths with."""
        refused = set(distrusted)
        self._trusted = frozenset(trusted) - refused
        self._known = self._trusted | frozenset(known) | refused
        self._stored = {certificate.fingerprint: certificate for certificate in self._known}
        self._distrusted = frozenset(map(identity, refused))
        self._by_name: dict[NameKey, list[Certificate]] = {}
        for certificate in self._known:
            self._by_name.setdefault(name_key(certificate.subject_der), []).append(certificate)
        self.key = _digest(self._trusted, self._known, refused)

    def named(self, name: NameKey) -> list[Certificate]:
        """Return the stored certificates of a subject."""
        return self._by_name.get(name, [])

    def knows(self, certificate: Certificate) -> bool:
        """Whether it is stored."""
        return certificate in self._known

    def as_stored(self, certificate: Certificate) -> Certificate:
        """Return a certificate as it is read in the store, where it is there."""
        return self._stored.get(certificate.fingerprint, certificate)

    def is_anchor(self, certificate: Certificate) -> bool:
        """Whether paths may end at it."""
        return certificate in self._trusted and may_issue(self.as_stored(certificate))

    def is_trusted_itself(self, certificate: Certificate) -> bool:
        """Whether it is a leaf that needs no issuer."""
        return certificate in self._trusted and not self.as_stored(certificate).is_ca

    def is_distrusted(self, certificate: Certificate) -> bool:
        """Whether an administrator said no to it, or to another certificate of the same name and key."""
        return certificate not in self._trusted and identity(certificate) in self._distrusted


def _digest(*sets: Iterable[Certificate]) -> bytes:
    lines = (" ".join(sorted(f"{item.fingerprint}{'+' * item.is_ca}" for item in members)) for members in sets)
    return sha256("\n".join(lines).encode()).digest()
