"""Whether mail flows, found by asking: the same for API and console."""

from typing import Annotated

from fastapi import Depends, Request

from gateway.admin.overview import DoorView, FlowView
from gateway.engine.transaction import Direction
from gateway.web.site import site


async def flow(request: Request) -> FlowView:
    """Return how the doors and what is behind them stand."""
    here = site(request)
    checks, hops, options = await here.health.checks(), await here.health.hops(), here.wiring.options
    doors = [DoorView(each.name, Direction(each.direction), hops.get(each.name)) for each in options.listeners]
    doors += [DoorView(each.name, Direction(each.direction), None) for each in options.milters]
    return FlowView(tuple(doors), checks)


Flow = Annotated[FlowView, Depends(flow)]
"""As a parameter of a route."""
