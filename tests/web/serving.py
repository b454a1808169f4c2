"""A server over a store with something of everything, for tests that ask it from outside."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from gateway.admin import tokens
from gateway.admin.permission import Permission
from gateway.admin.tokens import TokenWish
from gateway.config import parse
from gateway.config.values import Endpoint, network
from gateway.web.app import create_app
from gateway.web.server import Bounds, Server, Transport
from gateway.web.site import Site
from gateway.wiring import Wiring
from tests.authority import Authority
from tests.e2e.daemon import free_port, poll
from tests.stores import ready
from tests.web.conftest import ALICE, FOUNDER, GROUPS, SUPPORT, Well, bring


@dataclass(frozen=True)
class Served:
    """Where it is, and an administrator's token."""

    url: str
    token: str


def made(state: Path) -> Site:
    document = {"hostname": "gw.example.org", "state": str(state), "groups": GROUPS}
    return Site(Wiring(options=parse(yaml.safe_dump(document))), Well())


@contextmanager
def serving(folder: Path, authority: Authority) -> Iterator[Served]:
    """Serve in a thread."""
    site = made(ready(folder / "state"))
    own = authority.leaf(SUPPORT, kind="p256")
    bring(site, authority.root.pem(), own.pem() + own.key_pem(), authority.leaf(ALICE, kind="p256").pem())
    secret = tokens.create(site.wiring, FOUNDER, TokenWish("zz-administrator", [Permission.ADMIN])).token
    transport = Transport(proxies=[network("127.0.0.1/32")])
    server, port = Server("served", create_app(site), Bounds(connections=20), transport), free_port()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve_at(Endpoint("127.0.0.1", port))))
    thread.start()
    poll(lambda: server.started)
    try:
        yield Served(f"http://127.0.0.1:{port}", secret)
    finally:
        server.should_exit = True
        thread.join()
        site.wiring.close()
