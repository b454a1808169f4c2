"""Certificates taken away, and what goes along with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.admin.actor import Actor
from gateway.admin.certificate_view import NamedCertificate, named
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.errors import Conflict
from gateway.store.certificates.consequences import loss
from gateway.wiring import Wiring


@dataclass(frozen=True, slots=True)
class BrokenChain:
    """An own certificate that stays, and the subject of the issuer that its chain would miss."""

    certificate: NamedCertificate
    missing: str


@dataclass(frozen=True, slots=True)
class Doomed:
    """Certificates that are to be deleted together. ``keys``: those with whom their private key would go."""

    fingerprints: tuple[str, ...]
    keys: tuple[NamedCertificate, ...]
    chains: tuple[BrokenChain, ...]


@dataclass(frozen=True, slots=True)
class CertificateDeleted:
    """A certificate that is gone. ``key_deleted``: it was the last one with its private key, which went along."""

    fingerprint: str
    deleted: bool
    key_deleted: bool


def doomed(wiring: Wiring, names: Sequence[str]) -> Doomed:
    """Return what would be lost if these certificates were deleted. Raises ``Fault``, ``Refused``."""
    meant = list(dict.fromkeys(wiring.store.certificates.get(name).certificate for name in names))
    lost = loss(wiring.store.database, meant)
    return Doomed(
        fingerprints=tuple(item.fingerprint for item in meant),
        keys=tuple(map(named, lost.keys)),
        chains=tuple(BrokenChain(named(item), issuer) for item, issuer in lost.chains),
    )


def delete_certificates(
    wiring: Wiring, actor: Actor, fingerprints: Sequence[str], *, with_keys: bool = True
) -> list[CertificateDeleted]:
    """Delete certificates, and private keys that no other certificate has; mail does not bring them back.

    Raises ``Fault``, ``Refused``, and ``Conflict`` where a key would go along that is to stay; then none is deleted.
    """
    gone = []
    with changing(wiring, actor, Verb.DELETE_CERTIFICATES) as note:
        for fingerprint in fingerprints:
            item = wiring.store.certificates.delete(fingerprint)
            note(Effect(Kind.CERTIFICATE, item.certificate.fingerprint, "deleted"))
            if item.with_key and not with_keys:
                raise Conflict(f"{item.certificate.fingerprint} is the last certificate of its private key")
            if item.with_key:
                note(Effect(Kind.KEY, item.certificate.public_key_id, "deleted"))
            gone.append(CertificateDeleted(item.certificate.fingerprint, True, item.with_key))
    return gone
