"""The last that stands between an app and its client."""

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.log import logger


class Boundary:
    """The outermost boundary: what no handler made an answer of is logged, and told without a detail."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        """``name`` stands in the log."""
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an ASGI app."""
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except HTTPException as error:
            answer = PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)
        except Exception:  # noqa: BLE001 - a bug in one page must not take the others away
            logger.exception("%s: a %s failed", self._name, scope["method"])
            answer = PlainTextResponse("internal error\n", 500)
        else:
            return
        if not started:
            await answer(scope, receive, send)
