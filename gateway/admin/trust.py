"""What is said of certificates: trusted, distrusted, neither; and what falls with an authority that is distrusted."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.admin.actor import Actor
from gateway.admin.certificate_view import CertificateView, NamedCertificate, certificate_view, named, trust_word
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.clock import now
from gateway.store.certificates.consequences import below
from gateway.store.certificates.said import Trust
from gateway.wiring import Wiring, build_rules


@dataclass(frozen=True, slots=True)
class Fall:
    """What falls with an authority: how many stored ``certificates``, and the ``groups`` that sign by one of them."""

    authority: NamedCertificate
    certificates: int
    groups: tuple[str, ...]


def falls(wiring: Wiring, names: Sequence[str]) -> list[Fall]:
    """Return what falls with each authority among these certificates. Raises ``Fault``, ``Refused``."""
    rules, found = build_rules(wiring.options), []
    for authority in dict.fromkeys(wiring.store.certificates.get(name).certificate for name in names):
        if authority.is_ca:
            under = below(wiring.store.database, authority)
            own = [item.certificate for item in under if item.has_key and not item.certificate.is_ca]
            groups = {group.name for item in own for name in item.addresses if (group := rules.group_of(name))}
            found.append(Fall(named(authority), len(under), tuple(sorted(groups))))
    return found


def trust(wiring: Wiring, actor: Actor, names: Sequence[str]) -> list[CertificateView]:
    """Trust leaves for themselves, make CA certificates anchors; return them. Raises ``Fault``, ``Refused``."""
    return _mark(wiring, actor, Verb.TRUST, names)


def distrust(wiring: Wiring, actor: Actor, names: Sequence[str]) -> list[CertificateView]:
    """Have certificates used for nothing until they are trusted again; return them. Raises ``Fault``, ``Refused``."""
    return _mark(wiring, actor, Verb.DISTRUST, names)


def untrust(wiring: Wiring, actor: Actor, names: Sequence[str]) -> list[CertificateView]:
    """Take back what was said of certificates; return them. Raises ``Fault``, ``Refused``."""
    return _mark(wiring, actor, Verb.UNTRUST, names)


_SAID = {Verb.TRUST: Trust.TRUSTED, Verb.DISTRUST: Trust.DISTRUSTED, Verb.UNTRUST: Trust.NONE}


def _mark(wiring: Wiring, actor: Actor, verb: Verb, names: Sequence[str]) -> list[CertificateView]:
    certificates = wiring.store.certificates
    meant = dict.fromkeys(certificates.get(name).certificate.fingerprint for name in names)
    with changing(wiring, actor, verb) as note:
        for fingerprint in meant:
            holding = certificates.set_trust(fingerprint, _SAID[verb], str(actor))
            note(Effect(Kind.CERTIFICATE, fingerprint, trust_word(holding)))
    return [certificate_view(wiring.store, item) for item in wiring.store.listing.of(meant, now())]
