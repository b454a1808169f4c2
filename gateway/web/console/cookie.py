"""The session's cookie: only for this host, unreadable for scripts, never sent along from another site (row WEB-01).

Over TLS its name begins with ``__Host-`` and it is Secure (RFC 6265bis section 4.1.3); plain HTTP is served on loopback
only (``is_private``).
"""

from starlette.requests import Request
from starlette.responses import Response

from gateway.web.identity import client

PLAIN, OVER_TLS = "session", "__Host-session"


def is_private(request: Request) -> bool:
    """Return whether nobody between the browser and us reads along: TLS, or one machine."""
    address = client(request)
    return _is_tls(request) or (address is not None and address.is_loopback)


def secret(request: Request) -> str | None:
    """Return the secret of the session that the browser holds."""
    return request.cookies.get(_name(request))


def give(request: Request, response: Response, secret: str) -> None:
    """Have the browser hold a session until it is closed; how long it is good for, the store says."""
    response.set_cookie(_name(request), secret, path="/", secure=_is_tls(request), httponly=True, samesite="strict")


def take(request: Request, response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(_name(request), path="/", secure=_is_tls(request), httponly=True, samesite="strict")


def _name(request: Request) -> str:
    return OVER_TLS if _is_tls(request) else PLAIN


def _is_tls(request: Request) -> bool:
    return request.url.scheme == "https"
