"""A gateway with one group, and what administrators import into it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.admin.actor import Actor, ActorKind
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.authority import Authority, Issued

ADA = Actor("ada", ActorKind.SYSTEM_USER)
GROUP = "groups: [{name: support, addresses: [support@example.org]}]\n"


@pytest.fixture
def wiring(tmp_path: Path) -> Iterator[Wiring]:
    """A gateway whose store is empty."""
    file = tmp_path / "gateway.yaml"
    file.write_text(f"state: {tmp_path / 'state'}\nhostname: gw.example.org\n{GROUP}")
    made = Wiring(file)
    yield made
    made.store.close()


@pytest.fixture(scope="session")
def support(authority: Authority) -> Issued:
    """The group's certificate."""
    return authority.leaf("support@example.org", kind="p256")


@pytest.fixture
def stocked(wiring: Wiring, authority: Authority, support: Issued) -> Wiring:
    """A gateway with the anchor, the intermediate below it, and the group's certificate and key."""
    for data in (authority.root.pem(), authority.intermediate.pem() + support.pem() + support.key_pem()):
        import_file(wiring.store, data, [], ImportOptions())
    return wiring
