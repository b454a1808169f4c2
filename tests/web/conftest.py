"""The app of the admin listener over a real store, asked in this process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from gateway.admin import tokens
from gateway.admin.actor import Actor, ActorKind
from gateway.admin.imports import Bundle, Wishes, import_bundle
from gateway.admin.permission import Permission
from gateway.admin.tokens import TokenWish
from gateway.config import parse
from gateway.web.app import create_app
from gateway.web.site import Site
from gateway.wiring import Wiring
from tests.authority import Authority, Issued
from tests.stores import ready

FOUNDER = Actor("root", ActorKind.SYSTEM_USER)
SUPPORT, SALES, ALICE = "support@example.org", "sales@example.org", "alice@example.com"
GROUPS = [{"name": "support", "addresses": [SUPPORT]}, {"name": "sales", "addresses": [SALES]}]
CLIENT = "127.0.0.1"


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
    """A gateway with an empty store and two groups."""
    document = {"hostname": "gw.example.org", "state": str(ready(tmp_path / "state")), "groups": GROUPS}
    site = Site(Wiring(options=parse(yaml.safe_dump(document))), well)
    yield site
    site.wiring.close()


@pytest.fixture
def ask(site: Site) -> TestClient:
    """Asks the app as somebody on loopback does who has no token."""
    return TestClient(create_app(site), client=(CLIENT, 50000), raise_server_exceptions=False)


Holder = Callable[..., TestClient]


@pytest.fixture
def holder(site: Site) -> Holder:
    """Makes somebody who has a token with these scopes, limited to these groups and networks."""
    made = iter(range(1000))

    def make(*scopes: str, groups: Sequence[str] = (), clients: Sequence[str] = (), **more: Any) -> TestClient:
        networks = [ip_network(each) for each in clients]
        wish = TokenWish(f"t{next(made)}", list(map(Permission, scopes)), groups, networks, **more)
        secret = tokens.create(site.wiring, FOUNDER, wish).token
        client = TestClient(create_app(site), client=(CLIENT, 50000), raise_server_exceptions=False)
        client.headers["Authorization"] = f"Bearer {secret}"
        client.base_url = client.base_url.join("/api/v1/")
        return client

    return make


@dataclass(frozen=True)
class People:
    """Who is in the store: an authority (an anchor), two helpdesks with keys, one customer."""

    root: Issued
    support: Issued
    sales: Issued
    alice: Issued


def bring(site: Site, *contents: bytes) -> None:
    for content in contents:
        import_bundle(site.wiring, FOUNDER, Bundle("test", content), Wishes())


@pytest.fixture
def people(site: Site, authority: Authority) -> People:
    """Fill the store."""
    support, sales, alice = (authority.leaf(name, kind="p256") for name in (SUPPORT, SALES, ALICE))
    own = [each.pem() + each.key_pem() for each in (support, sales)]
    bring(site, authority.root.pem(), authority.intermediate.pem(), *own, alice.pem())
    return People(authority.root, support, sales, alice)


def fingerprint(issued: Issued) -> str:
    return issued.certificate.fingerprint


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Any]:
    """A server of its own."""
    from tests.web.serving import serving

    with serving(tmp_path_factory.mktemp("served"), authority) as found:
        yield found
