"""``POST /certificates``: whatever a file holds, taken in or only looked at."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from starlette.responses import Response

from gateway.admin.imports import Bundle, ImportedView, TrustWish, Wishes, import_bundle
from gateway.admin.permission import Permission
from gateway.errors import Refused
from gateway.pki.self_issued import Whose
from gateway.web.api.answer import Items, told, whole
from gateway.web.api.route import Guarded, Who, needs
from gateway.web.site import InForce

router = APIRouter(route_class=Guarded, tags=["certificates"])
PASTED = "pasted text"
LONGEST_NAME = 200


@router.post("/certificates", response_model=Items[ImportedView])
@needs(Permission.IMPORT, whole=True)
def import_certificates(
    request: Request,
    wiring: InForce,
    who: Who,
    file: Annotated[UploadFile | None, File(description="PEM, DER, PKCS#7, PKCS#12, a signed mail.")] = None,
    text: Annotated[str | None, Form(description="The same, pasted.")] = None,
    passphrase: Annotated[str | None, Form(max_length=1024)] = None,
    whose: Annotated[Whose | None, Form(alias="as", description="Whose a self-issued CA certificate is.")] = None,
    trust: Annotated[TrustWish, Form()] = TrustWish.DEFAULT,
    dry_run: Annotated[bool, Query(description="Say what would come of it, and store nothing.")] = False,
) -> Response:
    """Import what a file holds; one line per object. What is known already stays as it is, and is said to be known.

    A file of which a trust anchor would come is 403 without `admin`; a dry run says which (`anchor`).
    """
    wishes = Wishes(trust, whose, dry_run, anchors=who.may(Permission.ADMIN))
    passphrases = [] if passphrase is None else [passphrase.encode()]
    name, data = _brought(file, text)
    return told(request, whole(import_bundle(wiring, who.actor, Bundle(name, data, passphrases), wishes)))


def _brought(file: UploadFile | None, text: str | None) -> tuple[str, bytes]:
    if (file is None) == (text is None):
        raise Refused("send either a file or a text")
    if file is None:
        return PASTED, (text or "").encode()
    return (file.filename or "file")[:LONGEST_NAME], file.file.read()
