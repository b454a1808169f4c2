"""How a certificate is told: a row of the list, all that is known of it, JSON. The same words everywhere."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from typing import Any

from gateway.cli.printing import SHORT, day, moment
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.policy.state import State, Status
from gateway.store.keys.private_keys import StoredKey
from gateway.wiring import Wiring

COLUMNS = ("id", "for", "key", "use", "trust", "state", "expires", "note")


@dataclass(frozen=True, slots=True)
class Told:
    """A stored certificate, how it stands, and what its owner should know of it, as phrases."""

    holding: Holding
    status: Status
    notes: Sequence[str]

    @property
    def certificate(self) -> Certificate:
        """The certificate."""
        return self.holding.certificate


def told(wiring: Wiring, found: Sequence[Holding], at: datetime) -> list[Told]:
    """Return what is to be told of stored certificates at ``at``."""
    statuses = wiring.store.certificates.statuses(found, at)
    return [Told(item, status, list(_notes(wiring, item))) for item, status in zip(found, statuses, strict=True)]


def _notes(wiring: Wiring, item: Holding) -> Iterator[str]:
    if item.certificate.sealing_fault:
        yield item.certificate.sealing_fault
    if item.has_key and not item.certificate.is_ca and wiring.store.certificates.whole_chain(item.certificate).is_cut:
        yield "incomplete chain"


def row(item: Told) -> tuple[str, ...]:
    """Return the cells of the list under ``COLUMNS``."""
    certificate = item.certificate
    return (
        certificate.fingerprint[:SHORT],
        ", ".join(certificate.addresses) or certificate.subject,
        "yes" if item.holding.has_key else "",
        ", ".join(uses(certificate)),
        trust(item.holding),
        item.status.state,
        day(certificate.not_after),
        ", ".join(item.notes),
    )


def waiting_row(key: StoredKey) -> tuple[str, ...]:
    """Return the cells of a private key that has no certificate yet."""
    return key.public_key_id[:SHORT], f"{key.kind} {key.size}", "yes", "", "", State.WAITING, "", ""


def lines(
    item: Told, path: Sequence[Certificate], key: StoredKey | None, *, anchored: bool, gap: str | None
) -> Iterator[str]:
    """Yield all that is known of a certificate, in the words of the list.

    ``path``: what stands above it; ``anchored``: up to an anchor; ``gap``: what is missing.
    """
    certificate = item.certificate
    facts = {
        "id": certificate.fingerprint,
        "for": ", ".join(certificate.addresses),
        "key": _key(certificate, key),
        "use": ", ".join(uses(certificate)),
        "trust": trust(item.holding),
        "state": item.status.state,
        "note": ", ".join(item.notes),
        "valid": f"{day(certificate.not_before)} to {day(certificate.not_after)}",
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": f"{certificate.serial:x}",
        "path": _path(path, anchored=anchored),
        "gap": gap or "",
        "came": _came(item.holding),
        "SHA-256": _grouped(certificate.fingerprint),
        "SHA-1": _grouped(_sha1(certificate)),
    }
    width = max(map(len, facts)) + 1
    return (f"{name + ':':{width}} {fact}" for name, fact in facts.items() if fact)


def as_json(item: Told) -> dict[str, Any]:
    """Return what is told of a certificate, for programs."""
    certificate, holding = item.certificate, item.holding
    return {
        "fingerprint": certificate.fingerprint,
        "addresses": list(certificate.addresses),
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": f"{certificate.serial:x}",
        "not_before": moment(certificate.not_before),
        "not_after": moment(certificate.not_after),
        "state": item.status.state,
        "trust": trust(holding),
        "origin": _origin(holding),
        "kind": "ca" if certificate.is_ca else "leaf",
        "has_key": holding.has_key,
        "uses": uses(certificate),
        "pinned": not holding.learned,
        "seen": None,
        "added": None if holding.added_at is None else moment(holding.added_at),
        "notes": list(item.notes),
        "algorithm": certificate.key_kind,
        "key_size": certificate.key_size,
        "curve": certificate.curve,
        "sha1": _sha1(certificate),
    }


def waiting_json(key: StoredKey) -> dict[str, Any]:
    """Return the same of a private key that has no certificate yet: only what there is."""
    facts: dict[str, Any] = {
        "fingerprint": None,
        "public_key_id": key.public_key_id,
        "addresses": [],
        "state": State.WAITING,
    }
    return facts | {"has_key": True, "algorithm": key.kind, "key_size": key.size}


def uses(certificate: Certificate) -> list[str]:
    """Return what a certificate is for."""
    possible = {"ca": certificate.is_ca, "sign": certificate.may_sign, "encrypt": certificate.may_encrypt}
    return [use for use, may in possible.items() if may]


def trust(holding: Holding) -> str:
    """Return in one word what was said of a certificate."""
    if holding.learned:
        return "learned" if holding.trusted else "quarantined"
    if holding.distrusted:
        return "distrusted"
    if not holding.trusted:
        return "none"
    return "anchor" if holding.certificate.is_ca else "trusted"


def _origin(holding: Holding) -> str:
    return "learned" if holding.learned else "imported"


def _came(holding: Holding) -> str:
    how = "learned from mail" if holding.learned else "imported"
    return how if holding.added_at is None else f"{how}, first stored {day(holding.added_at)}"


def _path(path: Sequence[Certificate], *, anchored: bool) -> str:
    end = "anchor" if anchored else "no anchor"
    return f"{' < '.join(issuer.subject for issuer in path)} ({end})" if path else f"none above it ({end})"


def _key(certificate: Certificate, key: StoredKey | None) -> str:
    kind = f"{certificate.key_kind} {certificate.curve or certificate.key_size}"
    if key is None:
        return f"no ({kind})"
    leaves = "the passphrase it came with" if key.protected else "a passphrase given then"
    return f"yes ({kind}); leaves only under {leaves}"


def _sha1(certificate: Certificate) -> str:
    """A name that other programs show; nothing is decided by it."""
    return sha1(certificate.der, usedforsecurity=False).hexdigest()


def _grouped(digits: str) -> str:
    """To be read out on the telephone."""
    return " ".join(_pieces(digits.upper(), 4))


def _pieces(text: str, size: int) -> Iterable[str]:
    return (text[at : at + size] for at in range(0, len(text), size))
