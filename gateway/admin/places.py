"""Certificates that wait are approved, and one that shall stay is pinned."""

from collections.abc import Callable, Sequence

from gateway.admin.actor import Actor
from gateway.admin.certificate_view import CertificateView, certificate_view, trust_word
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.clock import now
from gateway.pki.holding import Holding
from gateway.wiring import Wiring


def approve(wiring: Wiring, actor: Actor, names: Sequence[str]) -> list[CertificateView]:
    """Have certificates that wait used to encrypt to; return them. Raises ``Fault``, ``Refused``."""
    return _put(wiring, actor, Verb.APPROVE, names, wiring.store.places.approve)


def pin(wiring: Wiring, actor: Actor, names: Sequence[str]) -> list[CertificateView]:
    """Have no other certificate come in the place of these; return them. Raises ``Fault``, ``Refused``."""
    return _put(wiring, actor, Verb.PIN, names, wiring.store.places.pin)


def _put(
    wiring: Wiring, actor: Actor, verb: Verb, names: Sequence[str], put: Callable[[str, str], Holding]
) -> list[CertificateView]:
    store = wiring.store
    meant = dict.fromkeys(store.certificates.get(name).certificate.fingerprint for name in names)
    with changing(wiring, actor, verb) as note:
        for fingerprint in meant:
            holding = put(fingerprint, str(actor))
            detail = "in the place of another" if holding.pinned and verb is Verb.APPROVE else ""
            note(Effect(Kind.CERTIFICATE, fingerprint, "pinned" if holding.pinned else trust_word(holding), detail))
    return [certificate_view(store, item) for item in store.listing.of(meant, now())]
