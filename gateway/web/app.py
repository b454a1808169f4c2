"""What the admin listener serves: the API below ``/api/v1``, the console's pages, static files, health."""

import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from gateway.pki.bundle import MAX_SIZE
from gateway.web import console
from gateway.web.api import create_api
from gateway.web.body import BodyBound, keep_uploads_in_memory
from gateway.web.boundary import Boundary
from gateway.web.fields import Fields
from gateway.web.health import health_routes
from gateway.web.site import Site

STATIC = Path(__file__).parent / "static"
_API = re.compile(r"/api/v1/(?P<path>.*+)", re.DOTALL)


def create_app(site: Site) -> FastAPI:
    """Return the app over ``site``; nothing is opened yet. It tells nobody its schema: the API tells its own."""
    keep_uploads_in_memory()
    largest = max(MAX_SIZE, site.wiring.options.limits.message_size)
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Fields), Middleware(Boundary, name="admin"), Middleware(BodyBound, upload=largest)],
    )
    app.state.site = site
    app.router.routes.extend(health_routes(site.health))
    app.router.routes.append(Api("/api/v1", create_api(site)))
    app.mount("/static", Kept(directory=STATIC))
    app.include_router(console.router)
    return app


class Api(Mount):
    """Everything whose path begins so is the API's, also what holds a line end."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        super().__init__(path, app)
        self.path_regex = _API


class Kept(StaticFiles):
    """Files that browsers may keep: what a page links to has another address for another content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a file."""
        answer = super().file_response(*args, **kwargs)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer
