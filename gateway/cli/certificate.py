"""How a certificate is printed: a row of the list, all that is known of it."""

from collections.abc import Iterator

from gateway.admin.certificate_view import CertificateDetail, CertificateView, Origin, WaitingView
from gateway.admin.publish import PublishedView
from gateway.cli.printing import SHORT, day
from gateway.lookup.published import Agreement

COLUMNS = ("id", "for", "key", "use", "trust", "state", "expires", "note")
_HOW = {
    Origin.IMPORTED: "imported",
    Origin.DIRECTORY: "found by",
    Origin.DNS: "found in the DNS by",
    Origin.LEARNED: "learned from mail",
}
_GROUP = 4
"""Digits that are read out on the telephone at once."""


def row(view: CertificateView) -> tuple[str, ...]:
    """Return the cells of the list under ``COLUMNS``."""
    return (
        view.fingerprint[:SHORT],
        ", ".join(view.addresses) or view.subject,
        "yes" if view.has_key else "",
        ", ".join(view.uses),
        view.trust,
        view.state,
        day(view.not_after),
        ", ".join(view.notes),
    )


def waiting_row(view: WaitingView) -> tuple[str, ...]:
    """Return the cells of a private key that has no certificate yet."""
    return view.public_key_id[:SHORT], f"{view.algorithm} {view.key_size}", "yes", "", "", view.state, "", ""


def lines(detail: CertificateDetail) -> Iterator[str]:
    """Yield all that is known of a certificate, in the words of the list."""
    facts = {
        "id": detail.fingerprint,
        "for": ", ".join(detail.addresses),
        "key": _key(detail),
        "use": ", ".join(detail.uses),
        "trust": detail.trust,
        "state": detail.state,
        "note": ", ".join(detail.notes),
        "valid": f"{day(detail.not_before)} to {day(detail.not_after)}",
        "subject": detail.subject,
        "issuer": detail.issuer,
        "serial": detail.serial,
        "path": _path(detail),
        "gap": detail.chain_gap or "",
        "revocation": _revocation(detail),
        "came": _came(detail),
        "SHA-256": _grouped(detail.fingerprint),
        "SHA-1": _grouped(detail.sha1),
    }
    width = max(map(len, facts)) + 1
    return (f"{name + ':':{width}} {fact}" for name, fact in facts.items() if fact)


def _came(view: CertificateView) -> str:
    how = _HOW[view.origin] + (f" {view.source}" if view.origin in (Origin.DIRECTORY, Origin.DNS) else "")
    return how if view.added is None else f"{how}, first stored {day(view.added)}"


def _path(detail: CertificateDetail) -> str:
    end = "anchor" if detail.anchored else "no anchor"
    return f"{' < '.join(detail.path_subjects) or 'none above it'} ({end})"


def _revocation(detail: CertificateDetail) -> str:
    words = (
        f"{word.source.upper()} of {day(word.this_update)}" + (f" from {word.url}" if word.url else "")
        for word in detail.revocation.words
    )
    return f"{detail.revocation.status} ({', '.join(words) or 'nothing at hand says anything'})"


def _key(detail: CertificateDetail) -> str:
    kind = f"{detail.algorithm} {detail.curve or detail.key_size}"
    if detail.key is None:
        return f"no ({kind})"
    leaves = "the passphrase it came with" if detail.key.protected else "a passphrase given then"
    return f"yes ({kind}); leaves only under {leaves}"


def _grouped(digits: str) -> str:
    return " ".join(digits[at : at + _GROUP].upper() for at in range(0, len(digits), _GROUP))


_AGREEMENT = {
    Agreement.AGREES: "is published",
    Agreement.DIFFERS: "is not published, others are: mail may be encrypted to them",
    Agreement.ABSENT: "is not published",
    Agreement.UNKNOWN: "cannot be asked for now",
}


def dns_notes(view: PublishedView) -> Iterator[str]:
    """Yield what the DNS says of one of our certificates."""
    if view.zone is None:
        return
    yield f"{view.address}: {view.fingerprint[:SHORT]} {_AGREEMENT[view.zone]}"
    if view.issuers is not None:
        allowed = ", ".join(view.issuers) or "nobody"
        yield f"CAA issuemail allows {allowed} to issue; the present issuer is {view.issuer}"
