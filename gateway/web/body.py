"""How much of a body is taken in: what says or turns out to be larger is 413 before it is in memory (row WEB-04)."""

import sys

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.pki.bundle import MAX_SIZE

SMALL = 1024 * 1024
"""Octets of a body that is no upload: forms, JSON."""
AROUND = 1024 * 1024
"""Octets of an upload beside its file."""
DIGITS = 15
"""Of a length that is a number at all."""
UPLOADS = ("multipart/form-data", "message/rfc822")


class TooLarge(HTTPException):
    """A body is larger than may be, as its field says or as it turns out."""

    def __init__(self, bound: int) -> None:
        super().__init__(413, f"the body is larger than {bound} octets")


class BodyBound:
    """Raises ``TooLarge`` where the app wants to read a body that is; so who may not ask at all hears that first."""

    def __init__(self, app: ASGIApp, upload: int = MAX_SIZE) -> None:
        """``upload``: octets of the largest file that may come."""
        self._app = app
        self._upload = upload + AROUND

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an ASGI app."""
        headers = Headers(scope=scope)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        bound = self._upload if kind in UPLOADS else SMALL
        announced = headers.get("content-length", "0")
        too_large = len(announced) > DIGITS or int(announced) > bound
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            if too_large:
                raise TooLarge(bound)
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > bound:
                raise TooLarge(bound)
            return message

        await self._app(scope, bounded, send)


def keep_uploads_in_memory() -> None:
    """Have no form parser of this process write an upload to a temporary file: it may be a private key in clear.

    ``BodyBound`` says how much that can be.
    """
    MultiPartParser.spool_max_size = sys.maxsize
