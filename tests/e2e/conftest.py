"""What the stories share: one sink, one Postfix before it, one gateway before each of them, and who has a certificate.

``alice`` and ``bob`` can be encrypted to, everybody else cannot. The fixtures live as long as the test run.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.authority import Authority, Issued
from tests.e2e.daemon import STRICT, SUPPORT, Daemon, free_port
from tests.e2e.postfix import Postfix
from tests.e2e.sink import Sink
from tests.openssl import Witness

ALICE, BOB = "alice@example.com", "bob@example.com"
ALICE_7BIT = "alice@seven.example.com"


@dataclass
class People:
    """The authority's leaves by address."""

    authority: Authority
    folder: Path
    issued: dict[str, Issued] = field(default_factory=dict)

    def files(self) -> list[bytes]:
        """What an administrator imports: the authority, keys of the helpdesk, certificates of the others."""
        own = [self.issued[address] for address in (SUPPORT, STRICT)]
        others = [leaf for address, leaf in self.issued.items() if leaf not in own]
        chain = [self.authority.root.pem(), self.authority.intermediate.pem()]
        return [*chain, *(leaf.pem() + leaf.key_pem() for leaf in own), *(leaf.pem() for leaf in others)]

    def introduce(self, daemon: Daemon) -> None:
        """Have a gateway that has no store yet know everybody: the first one imports, the others get a copy."""
        state = self.folder / "state"
        if not state.exists():
            daemon.import_(*self.files())
            shutil.copytree(daemon.folder / "state", state)
        else:
            shutil.copytree(state, daemon.folder / "state")

    def secret(self, address: str) -> bytes:
        """Certificate and key in one PEM."""
        return self.issued[address].pem() + self.issued[address].key_pem()


@pytest.fixture(scope="session")
def people(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> People:
    kinds = {SUPPORT: "rsa-2048", STRICT: "p256", ALICE: "rsa-2048", BOB: "p256", ALICE_7BIT: "rsa-2048"}
    issued = {address: authority.leaf(address, kind=kind) for address, kind in kinds.items()}
    return People(authority, tmp_path_factory.mktemp("people"), issued)


@pytest.fixture(scope="session")
def sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture(scope="session")
def postfix(sink: Sink) -> Iterator[Postfix]:
    with Postfix(sink.port) as postfix:
        yield postfix.start()


@pytest.fixture(scope="session")
def relayed(postfix: Postfix, people: People) -> Iterator[Daemon]:
    """A gateway before Postfix: doors ``outbound``, ``inbound``, and ``small`` before Postfix's small door."""
    hops = {"outbound": postfix.port, "inbound": postfix.port, "small": postfix.small}
    with Daemon(hops) as daemon:
        people.introduce(daemon)
        yield daemon.start()


@pytest.fixture(scope="session")
def direct(sink: Sink, people: People) -> Iterator[Daemon]:
    """A gateway before the sink: doors ``outbound`` and ``inbound``; ``loop`` leads to itself, ``late`` nowhere yet."""
    hops = {"outbound": sink.port, "inbound": sink.port, "loop": 0, "late": free_port()}
    with Daemon(hops) as daemon:
        people.introduce(daemon)
        yield daemon.start()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path)
