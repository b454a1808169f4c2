"""What somebody brings: certificates, private keys and CRLs taken from a file into the store, or only looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.admin.actor import Actor
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.clock import now
from gateway.config import Options
from gateway.errors import Forbidden
from gateway.pki.self_issued import Whose
from gateway.policy.state import State
from gateway.reason import Reason
from gateway.store import Store
from gateway.store.imports.importing import Imported, ImportOptions, import_file
from gateway.wiring import Wiring


class TrustWish(StrEnum):
    """What is to be trusted of a file: as it is read, its authorities even beside a leaf, or nothing yet."""

    DEFAULT = "default"
    CAS = "cas"
    NONE = "none"


class Result(StrEnum):
    """What became of an object."""

    ADDED = "added"
    KNOWN = "known"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to import. ``whose``: what a self-issued CA certificate with a mail address is; None: that is judged.

    ``dry_run``: nothing is stored. ``anchors``: whether authorities may become trust anchors by it.
    """

    trust: TrustWish = TrustWish.DEFAULT
    whose: Whose | None = None
    dry_run: bool = False
    anchors: bool = True


@dataclass(frozen=True, slots=True)
class Bundle:
    """A file that somebody brings, under the name by which he knows it, and passphrases to try."""

    name: str
    data: bytes
    passphrases: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class ImportedView:
    """What became of one object. ``object``: ``certificate``, ``key``, ``crl``, or where an unreadable one stood.

    ``fingerprint``: of a key, that of its public key. ``text``: one line, empty where all is said. ``anchor``: this
    makes it a trust anchor, which it was not.
    """

    file: str
    object: str
    fingerprint: str | None
    addresses: tuple[str, ...]
    subject: str | None
    result: Result
    reason: Reason | None
    text: str
    anchor: bool


def import_bundle(wiring: Wiring, actor: Actor, bundle: Bundle, wishes: Wishes) -> list[ImportedView]:
    """Import what a file holds; one view per object, in the file's order, or only the faults of the file.

    Raises ``Fault``, ``Misconfigured``, and ``Forbidden`` where an authority would become an anchor that may not; then
    nothing is stored.
    """
    options = _options(wiring.options, wishes, actor)
    with changing(wiring, actor, Verb.IMPORT) as note:
        lines = import_file(wiring.store, bundle.data, bundle.passphrases, options)
        anchors = [line.subject or "" for line in lines if line.anchor]
        if anchors and not (wishes.anchors or wishes.dry_run):
            raise Forbidden(f"a trust anchor would come of it, which only an administrator makes: {'; '.join(anchors)}")
        for line in lines:
            if _is_stored(line) and not wishes.dry_run:
                note(Effect(Kind(line.object), line.fingerprint or "", line.result, line.text))
    shadows = [_shadow(wiring.store, line) if _is_stored(line) and not wishes.dry_run else "" for line in lines]
    return [_view(bundle.name, line, shadow) for line, shadow in zip(lines, shadows, strict=True)]


def _options(options: Options, wishes: Wishes, actor: Actor) -> ImportOptions:
    return ImportOptions(
        subject_email=options.addresses.subject_email,
        accept_legacy=bool(options.algorithms.accept_legacy),
        trust=wishes.trust is not TrustWish.NONE,
        trust_cas=wishes.trust is TrustWish.CAS,
        whose=wishes.whose,
        dry_run=wishes.dry_run,
        by=str(actor),
    )


def _is_stored(line: Imported) -> bool:
    return line.result != Result.REFUSED and line.fingerprint is not None


def _shadow(store: Store, line: Imported) -> str:
    """Say of a certificate that is stored why it serves for nothing all the same, or no more; else nothing."""
    if line.object != Kind.CERTIFICATE or line.fingerprint is None:
        return ""
    (found,) = store.listing.of([line.fingerprint], now())
    return found.status.state if found.status.state in (State.REVOKED, State.SUPERSEDED) else ""


def _view(name: str, line: Imported, shadow: str) -> ImportedView:
    return ImportedView(
        file=name,
        object=line.object,
        fingerprint=line.fingerprint,
        addresses=line.addresses,
        subject=line.subject,
        result=Result(line.result),
        reason=line.reason,
        text="; ".join(filter(None, (line.text, shadow))),
        anchor=line.anchor,
    )
