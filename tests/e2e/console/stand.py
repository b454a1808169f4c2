"""A console over a real store that the test authority filled, served by uvicorn on loopback, in this process."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
import yaml
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.admin import accounts
from gateway.admin.actor import Actor, ActorKind
from gateway.admin.permission import Role
from gateway.config import parse
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.web.app import create_app
from gateway.web.site import Site
from gateway.wiring import Wiring
from tests.authority import Authority, Issued
from tests.stores import ready

MACHINE = Actor("root", ActorKind.SYSTEM_USER)
PASSWORD = "correct horse battery staple"
LONG = "a-very-long-mailbox-name-that-nobody-would-ever-choose.but-somebody-did@department.subsidiary.example.com"
HOSTILE = "<script>hurt=1</script><img src=x onerror=hurt=1>"


class Well:
    """A gateway that is well."""

    def alive(self) -> bool:
        return True

    async def checks(self) -> Mapping[str, bool]:
        return {"doors": True, "store": True}

    async def hops(self) -> Mapping[str, bool]:
        return {"outbound": True, "inbound": True}


@dataclass
class Stand:
    """Where the console is, and what it stands on."""

    url: str
    wiring: Wiring
    authority: Authority
    people: dict[str, Issued]


def furnish(wiring: Wiring, authority: Authority) -> dict[str, Issued]:
    """Fill a store: own certificates with keys, customers' of every state, one that waits; return the leaves."""
    at = datetime.now(UTC)
    soon, gone = at + timedelta(days=12), at - timedelta(days=40)
    people = {
        "support": authority.leaf("support@example.org", kind="p256", common_name="Support"),
        "sales": authority.leaf("sales@example.org", kind="p256", common_name="Sales", not_after=soon),
        "ada": authority.leaf("ada@example.com", kind="p256", common_name="Ada Lovelace"),
        "old": authority.leaf("grace@example.com", kind="p256", common_name="Grace Hopper", not_after=gone),
        "long": authority.leaf(
            LONG, kind="p256", common_name="Bureau of Very Very Very Very Very Very Very Long Names"
        ),
        "hostile": authority.leaf("mallory@example.net", kind="p256", common_name=HOSTILE),
        "revoked": authority.leaf("eve@example.net", kind="p256", common_name="Eve"),
        "new": authority.leaf("ada@example.com", kind="p256", common_name="Ada Lovelace"),
        "stranger": authority.leaf("ivan@example.net", kind="p256", common_name="Ivan"),
    }
    own = [people[name].pem() + people[name].key_pem() for name in ("support", "sales")]
    others = [people[name].pem() for name in ("ada", "old", "long", "hostile", "revoked")]
    crl = authority.revocation_list(people["revoked"]).public_bytes(Encoding.PEM)
    for data in (authority.root.pem(), authority.intermediate.pem() + own[0], *own[1:], *others, crl):
        import_file(wiring.store, data, [], ImportOptions())
    for name in ("new", "stranger"):
        wiring.store.learned.learn(
            people[name].certificate.addresses[0], people[name].certificate, (), at, trusted=False
        )
    return people


def hire(wiring: Wiring) -> None:
    """Make an account of each role, called like it."""
    for role in Role:
        accounts.add(wiring, MACHINE, role, role, PASSWORD)


def built(folder: Path) -> Wiring:
    """Return a gateway with an empty store and two groups."""
    groups = [{"name": name, "addresses": [f"{name}@example.org"]} for name in ("support", "sales")]
    document = {"hostname": "gw.example.org", "state": str(ready(folder / "state")), "groups": groups}
    return Wiring(options=parse(yaml.safe_dump(document)))


@contextmanager
def served(wiring: Wiring) -> Iterator[str]:
    """Serve the console on a free port of loopback; give its address."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(Site(wiring, Well())), log_config=None, lifespan="off", ws="none")
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()
