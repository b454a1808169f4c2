"""That a form was filled in on a page of ours, by who is signed in: row WEB-02.

Two signs, each enough against another site: the browser says where a request comes from (Sec-Fetch-Site, or Origin
where it is older), and each form of a session holds a token that only its pages know. The token is a MAC under the
session's secret, so nothing has to be kept.
"""

import hashlib
import hmac

from starlette.datastructures import FormData, Headers
from starlette.requests import Request

TOKEN = "token"


class Forged(Exception):
    """A request that changes something and is not from a page of ours, or from an old one."""


def form_token(secret: str) -> str:
    """Return the token of a session's forms. ``secret``: what its cookie holds."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def check_source(request: Request) -> None:
    """Raise ``Forged`` where another site's page made the request, or the browser does not say."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        ours = site == "same-origin"
    else:
        ours = request.headers.get("origin") == _origin(request.url.scheme, request.headers)
    if not ours:
        raise Forged("this came from a page of another site")


def check_token(form: FormData, secret: str) -> None:
    """Raise ``Forged`` where the form is not one of this session's."""
    sent = form.get(TOKEN)
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), form_token(secret).encode()):
        raise Forged("this page is of another session: open it again")


def _origin(scheme: str, headers: Headers) -> str:
    return f"{scheme}://{headers.get('host', '')}"
