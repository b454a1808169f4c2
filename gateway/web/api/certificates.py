"""``/certificates``: seen, judged, deleted. How they come in is in ``imports``."""

import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import Response

from gateway.admin import certificates, deletion, places, reach, trust
from gateway.admin.certificate_view import CertificateDetail, CertificateKind, CertificateView
from gateway.admin.deletion import CertificateDeleted
from gateway.admin.permission import Grant, Permission
from gateway.admin.reach import Reach
from gateway.config.values import duration
from gateway.errors import Refused
from gateway.policy.state import State
from gateway.web.api.answer import PEM, USUAL, After, Items, Limit, attached, given, told, whole
from gateway.web.api.route import Guarded, Who, needs, permit
from gateway.web.site import InForce
from gateway.wiring import Wiring

router = APIRouter(route_class=Guarded, tags=["certificates"])

Text = Annotated[str, Query(max_length=200, description="In an address, the subject or the issuer; or begins the ID.")]
Fingerprint = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
EXAMPLE = "3b1e0f0c6c8d5b0a54b8b1f6f6b1c7a5d9c2e4f00112233445566778899aabbc"


class Said(StrEnum):
    """What is said of a certificate: trusted (a CA: an anchor), distrusted, neither."""

    TRUSTED = "trusted"
    DISTRUSTED = "distrusted"
    NONE = "none"


SAY = {Said.TRUSTED: trust.trust, Said.DISTRUSTED: trust.distrust, Said.NONE: trust.untrust}


class Trust(BaseModel):
    """What is to be said of a certificate."""

    trust: Said = Field(examples=["trusted"])


class Batch(BaseModel):
    """One thing to be done to several certificates, to all of them or to none."""

    action: Literal["approve", "pin", "trust", "distrust", "untrust", "delete"]
    fingerprints: list[Fingerprint] = Field(min_length=1, max_length=500, examples=[[EXAMPLE]])
    with_key: bool = Field(False, description="Delete: also where a private key goes along.")


ACTIONS = {
    "approve": places.approve,
    "pin": places.pin,
    "trust": trust.trust,
    "distrust": trust.distrust,
    "untrust": trust.untrust,
}


def seen(wiring: Wiring, who: Grant, path: Mapping[str, str]) -> object:
    """See that there is such a certificate for this grant."""
    return reach.certificate(wiring, who, path["fingerprint"])


def changeable(wiring: Wiring, who: Grant, path: Mapping[str, str]) -> object:
    """See that this grant may say something of it."""
    return reach.changeable(wiring, who, path["fingerprint"])


@router.get("/certificates", response_model=Items[CertificateView])
@needs(Permission.READ)
def list_certificates(
    request: Request,
    wiring: InForce,
    who: Who,
    filter: Text = "",
    state: State | None = None,
    kind: CertificateKind | None = None,
    with_key: bool = False,
    expiring: Annotated[str | None, Query(max_length=10, examples=["30d"], description="Within this time.")] = None,
    limit: Limit = USUAL,
    after: After = None,
) -> Response:
    """List certificates, those that expire first at the top."""
    wanted = certificates.CertificateFilter(filter, state, kind, with_key, _duration(expiring))
    with given("after"):
        if after is not None:
            reach.certificate(wiring, who, after)
        return told(request, certificates.listed(wiring, wanted, after, limit, Reach.of(wiring, who)))


@router.post("/certificates/batch", response_model=Items[CertificateView | CertificateDeleted])
@needs(Permission.IMPORT)
def change_certificates(request: Request, wiring: InForce, who: Who, batch: Batch) -> Response:
    """Do one thing to several certificates: to all of them, or to none."""
    if batch.action == "delete":
        permit(who, Permission.ADMIN)
    for name in batch.fingerprints:
        reach.changeable(wiring, who, name)
    if batch.action == "delete":
        gone = deletion.delete_certificates(wiring, who.actor, _once(batch.fingerprints), with_keys=batch.with_key)
        return told(request, whole(gone))
    return told(request, whole(ACTIONS[batch.action](wiring, who.actor, batch.fingerprints)))


@router.get("/certificates/{fingerprint}", response_model=CertificateDetail)
@needs(Permission.READ, seen)
def show_certificate(request: Request, wiring: InForce, who: Who, fingerprint: str) -> Response:
    """Tell all that is known of a certificate: path, anchor, origin, uses."""
    view = certificates.shown(wiring, fingerprint)
    # Which mail used it last may be another group's.
    return told(request, view if who.is_whole else replace(view, seen=None, last_use=None))


@router.get(
    "/certificates/{fingerprint}/file",
    response_class=Response,
    responses={200: {"content": {PEM: {}, "application/pkix-cert": {}}}},
)
@needs(Permission.READ, seen)
def certificate_file(wiring: InForce, fingerprint: str, form: Literal["pem", "der"] = "pem") -> Response:
    """Return the certificate itself, never its key."""
    der = certificates.exported(wiring, fingerprint)
    if form == "der":
        return attached(der, "application/pkix-cert", f"{fingerprint[:16]}.cer")
    return attached(ssl.DER_cert_to_PEM_cert(der).encode(), PEM, f"{fingerprint[:16]}.pem")


@router.post("/certificates/{fingerprint}/trust", response_model=CertificateView)
@needs(Permission.IMPORT, changeable)
def trust_certificate(request: Request, wiring: InForce, who: Who, fingerprint: str, body: Trust) -> Response:
    """Say of a certificate that it is trusted, distrusted or neither; of an authority's with `admin` only."""
    (view,) = SAY[body.trust](wiring, who.actor, [fingerprint])
    return told(request, view)


@router.post("/certificates/{fingerprint}/approve", response_model=CertificateView)
@needs(Permission.IMPORT, changeable)
def approve_certificate(request: Request, wiring: InForce, who: Who, fingerprint: str) -> Response:
    """Have a certificate that waits used to encrypt to; where another key is pinned, it takes its place."""
    (view,) = places.approve(wiring, who.actor, [fingerprint])
    return told(request, view)


@router.post("/certificates/{fingerprint}/pin", response_model=CertificateView)
@needs(Permission.IMPORT, changeable)
def pin_certificate(request: Request, wiring: InForce, who: Who, fingerprint: str) -> Response:
    """Have no other certificate come in the place of one, not even when it has expired."""
    (view,) = places.pin(wiring, who.actor, [fingerprint])
    return told(request, view)


@router.delete("/certificates/{fingerprint}", response_model=CertificateDeleted)
@needs(Permission.ADMIN, changeable)
def delete_certificate(
    request: Request, wiring: InForce, who: Who, fingerprint: str, with_key: bool = False
) -> Response:
    """Delete a certificate; 409 where its private key would go along and `with_key` is not true."""
    (gone,) = deletion.delete_certificates(wiring, who.actor, [fingerprint], with_keys=with_key)
    return told(request, gone)


def _duration(text: str | None) -> timedelta | None:
    try:
        return None if text is None else duration(text)
    except ValueError as error:
        raise Refused(f"expiring: {error}") from error


def _once(names: list[str]) -> list[str]:
    return list(dict.fromkeys(names))
