"""What a request works with; the same for API and console."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from gateway.web.health import Health
from gateway.wiring import Wiring


@dataclass(slots=True)
class Site:
    """The gateway behind the listener. ``wiring`` is replaced by a reload; a request keeps the one it began with."""

    wiring: Wiring
    health: Health


def site(request: Request) -> Site:
    """Return the site a request came to."""
    found: Site = request.app.state.site
    return found


def wiring(request: Request) -> Wiring:
    """Return the configuration in force, with its store."""
    return site(request).wiring


InForce = Annotated[Wiring, Depends(wiring)]
"""As a parameter of a route: the ``Wiring``."""
