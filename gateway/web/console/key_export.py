"""A private key taken out: by an administrator, who shows again that he knows his password, under a passphrase.

The one page on which a private key leaves (row KEY-02).
"""

from starlette.responses import HTMLResponse, Response

from gateway.admin import certificates, keys, sessions
from gateway.admin.certificate_view import CertificateDetail
from gateway.admin.sessions import TooOften, WrongCredentials
from gateway.errors import Refused
from gateway.web.console.page_route import pages
from gateway.web.console.visit import Administering, Posted, Visit, known
from gateway.web.console.words import phrase

SHORTEST = 12
"""Characters of a passphrase that is made up here."""

router = pages()


@router.get("/certificates/{fingerprint}/key")
def ask(visit: Administering, fingerprint: str) -> HTMLResponse:
    """Ask for password and passphrase."""
    return _asked(visit, _with_key(visit, fingerprint))


@router.post("/certificates/{fingerprint}/key")
def export(visit: Administering, fingerprint: str, form: Posted) -> Response:
    """Send the key as encrypted PEM."""
    item = _with_key(visit, fingerprint)
    key = known(item.key)
    passphrase = str(form.get("passphrase", ""))
    if not key.protected and len(passphrase) < SHORTEST:
        return _asked(visit, item, visit.say(phrase("The passphrase is too short.")))
    try:
        sessions.confirm(visit.wiring, visit.actor.name, str(form.get("password", "")), visit.client)
        pem = keys.export_key(visit.wiring, visit.actor, key.public_key_id, passphrase.encode() or None)
    except WrongCredentials:
        return _asked(visit, item, visit.say(phrase("Your password is wrong.")))
    except (TooOften, Refused) as error:
        return _asked(visit, item, str(error))
    name = f"{key.public_key_id[:16]}.key.pem"
    return Response(
        pem, media_type="application/x-pem-file", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _with_key(visit: Visit, fingerprint: str) -> CertificateDetail:
    item = certificates.shown(visit.wiring, fingerprint)
    known(item.key)
    return item


def _asked(visit: Visit, item: CertificateDetail, problem: str = "") -> HTMLResponse:
    return visit.page("key.html", 422 if problem else 200, item=item, problem=problem)
