"""*My account*: one's own password, one-time codes and sessions."""

import segno
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from gateway.admin import accounts, sessions
from gateway.admin.accounts import TotpProposal
from gateway.admin.passwords import LEAST
from gateway.admin.sessions import TooOften, WrongCredentials
from gateway.clock import now
from gateway.errors import Conflict, Refused
from gateway.web.console.page_route import pages
from gateway.web.console.sealed import seal, unseal
from gateway.web.console.visit import Posted, Reading, Visit
from gateway.web.console.words import phrase

_PURPOSE = "one-time codes"

router = pages()


@router.get("/account")
def mine(visit: Reading) -> HTMLResponse:
    """Show one's own account."""
    return _mine(visit)


def _mine(visit: Visit, status: int = 200, **facts: object) -> HTMLResponse:
    name = visit.actor.name
    return visit.page(
        "me.html",
        status,
        account=accounts.shown(visit.wiring, name),
        sessions=sessions.listed(visit.wiring, name),
        shortest=LEAST,
        **facts,
    )


@router.post("/account/password")
def change_password(visit: Reading, form: Posted) -> Response:
    """Change one's own password, by the old one; other sessions end."""
    name, new = visit.actor.name, str(form.get("new", ""))
    try:
        sessions.confirm(visit.wiring, name, str(form.get("password", "")), visit.client)
        accounts.set_password(visit.wiring, visit.actor, name, new, keep=visit.session.session)
    except WrongCredentials:
        return _mine(visit, 422, problem=visit.say(phrase("The old password is wrong.")))
    except (TooOften, Refused) as error:
        return _mine(visit, 422, problem=str(error))
    return visit.to("/account", done="password")


@router.post("/account/codes")
def propose_codes(visit: Reading, form: Posted) -> HTMLResponse:
    """Show a secret for an authenticator; it counts once a code of it was typed."""
    return _proposed(visit, accounts.propose_totp(visit.wiring, visit.actor.name))


def _proposed(visit: Visit, proposal: TotpProposal, status: int = 200, **facts: object) -> HTMLResponse:
    drawn = segno.make(proposal.uri, error="m").svg_inline(border=3, omitsize=True)
    carried = f"{proposal.secret} {proposal.uri}".encode()
    return visit.page(
        "codes.html",
        status,
        secret=proposal.secret,
        sealed=seal(visit.wiring, _PURPOSE, visit.token, carried, now()),
        drawn=Markup(drawn),  # noqa: S704 - black squares, made here
        **facts,
    )


@router.post("/account/codes/on")
def turn_codes_on(visit: Reading, form: Posted) -> Response:
    """Ask for one-time codes from now on; those that are asked for already are turned off by the password alone."""
    if visit.session.totp:
        raise Conflict("one-time codes are asked for already: turn them off first")
    carried = unseal(visit.wiring, _PURPOSE, visit.token, str(form.get("sealed", "")), now())
    proposal = TotpProposal(*carried.decode().split(" ", 1))
    try:
        accounts.turn_totp_on(visit.wiring, visit.actor, visit.actor.name, proposal.secret, str(form.get("code", "")))
    except Refused:
        wrong = visit.say(phrase("The code is wrong: see that both clocks are right."))
        return _proposed(visit, proposal, 422, problem=wrong)
    return visit.to("/account", done="codes-on")


@router.post("/account/codes/off")
def turn_codes_off(visit: Reading, form: Posted) -> Response:
    """Ask for no one-time codes any more, by the password."""
    try:
        sessions.confirm(visit.wiring, visit.actor.name, str(form.get("password", "")), visit.client)
    except (WrongCredentials, TooOften):
        return _mine(visit, 422, problem=visit.say(phrase("The old password is wrong.")))
    accounts.turn_totp_off(visit.wiring, visit.actor, visit.actor.name)
    return visit.to("/account", done="codes-off")


@router.post("/account/sessions/end")
def end_session(visit: Reading, form: Posted) -> Response:
    """End one of one's own sessions."""
    name = str(form.get("id", ""))
    if name in {session.id for session in sessions.listed(visit.wiring, visit.actor.name)}:
        sessions.end(visit.wiring, visit.actor, name)
    return visit.to("/account", done="session-ended")
