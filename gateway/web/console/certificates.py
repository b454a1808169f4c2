"""*Certificates*: the list, filtered as one types; one in full; its file."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ssl import DER_cert_to_PEM_cert
from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import HTMLResponse, Response

from gateway.admin import certificates
from gateway.admin.certificate_view import CertificateDetail, CertificateKind
from gateway.admin.certificates import CertificateFilter
from gateway.clock import now
from gateway.policy.state import State
from gateway.web.console.changing import DEEDS, possible
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Reading

PER_PAGE = 50
STATES = tuple(reversed([state for state in State if state is not State.WAITING]))
"""What is in use comes first."""
FALLEN = (State.EXPIRED, State.REVOKED, State.DISTRUSTED)
SOON = timedelta(days=30)

router = pages()


@router.get("/certificates")
def listed(
    visit: Reading,
    filter: Annotated[str, Query(max_length=200)] = "",
    state: State | Literal[""] = "",
    kind: CertificateKind | Literal[""] = "",
    expiring: Annotated[int | Literal[""], Query()] = "",
    with_key: bool = False,
    after: str | None = None,
) -> HTMLResponse:
    """Show a page of the list."""
    wanted = CertificateFilter(
        text=filter.strip(),
        state=state or None,
        kind=kind or None,
        with_key=with_key,
        expiring=timedelta(days=min(expiring, 3650)) if expiring else None,
    )
    found = certificates.listed(visit.wiring, wanted, after, PER_PAGE)
    return visit.page(
        "certificates.html",
        wanted=wanted,
        found=found,
        after=after,
        expiring=expiring,
        narrowed=wanted != CertificateFilter(),
        states=STATES,
        kinds=tuple(CertificateKind),
    )


@dataclass(frozen=True, slots=True)
class Span:
    """A validity as a bar of 100 parts: where it starts, how much of it is gone, where the rest begins and how long
    that is, where now is."""

    start: float
    gone: float
    rest: float
    left: float
    now: float
    tone: str


def span(item: CertificateDetail, at: datetime) -> Span:
    """Return the validity of a certificate as a bar, which is as long as to hold ``at``, too."""
    first, last = min(item.not_before, at), max(item.not_after, at)
    whole = max((last - first).total_seconds(), 1.0)

    def place(moment: datetime) -> float:
        return round(100 * (moment - first).total_seconds() / whole, 2)

    start, end = place(item.not_before), place(item.not_after)
    rest = min(max(place(at), start), end)
    ends_soon = item.not_after - at < SOON or item.not_before > at
    tone = "bad" if item.state in FALLEN else "warn" if ends_soon else "good"
    return Span(start, rest - start, rest, end - rest, min(place(at), 99.5), tone)


@router.get("/certificates/{fingerprint}")
def shown(visit: Reading, fingerprint: str) -> HTMLResponse:
    """Show one in full."""
    item, at = certificates.shown(visit.wiring, fingerprint), now()
    return visit.page(
        "certificate.html",
        item=item,
        validity=span(item, at),
        days=(item.not_after - at).days,
        begins_in=(item.not_before - at).days,
        path=[
            {"fingerprint": name, "subject": subject}
            for name, subject in zip(reversed(item.path), reversed(item.path_subjects), strict=True)
        ],
        deeds=DEEDS,
        choices=[deed for deed in possible(item) if visit.may(DEEDS[deed].needs(item))],
    )


@router.get("/certificates/{fingerprint}/file")
def file(visit: Reading, fingerprint: str, form: Literal["pem", "der"] = "pem") -> Response:
    """Download one; there is no private key on this way (row KEY-03)."""
    der = certificates.exported(visit.wiring, fingerprint)
    content, kind = (
        (DER_cert_to_PEM_cert(der), "application/x-pem-file") if form == "pem" else (der, "application/pkix-cert")
    )
    name = certificates.shown(visit.wiring, fingerprint).fingerprint[:16]
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'})
