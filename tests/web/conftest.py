"""The app of the admin listener over a real store, asked in this process."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient

from gateway.config import parse
from gateway.web.app import create_app
from gateway.web.site import Site
from gateway.wiring import Wiring
from tests.stores import ready


class Well:
    """A gateway whose health a test decides."""

    def __init__(self) -> None:
        self.takes_mail = True
        self.wanting: set[str] = set()

    def alive(self) -> bool:
        return self.takes_mail

    async def checks(self) -> Mapping[str, bool]:
        return {name: name not in self.wanting for name in ("doors", "store")}

    async def hops(self) -> Mapping[str, bool]:
        return {"outbound": True, "inbound": True}


@pytest.fixture
def well() -> Well:
    return Well()


@pytest.fixture
def site(tmp_path: Path, well: Well) -> Iterator[Site]:
    """A gateway with an empty store and one group."""
    groups = [{"name": "support", "addresses": ["support@example.org"]}]
    document = {"hostname": "gw.example.org", "state": str(ready(tmp_path / "state")), "groups": groups}
    site = Site(Wiring(options=parse(yaml.safe_dump(document))), well)
    yield site
    site.wiring.close()


@pytest.fixture
def ask(site: Site) -> TestClient:
    """Asks the app as somebody on loopback does who has no token."""
    return TestClient(create_app(site), client=("127.0.0.1", 50000), raise_server_exceptions=False)
