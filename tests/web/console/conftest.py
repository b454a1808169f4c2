"""The console over a store that the test authority filled, read by people of every role."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from gateway.admin import sessions
from gateway.admin.permission import Role
from gateway.web.app import create_app
from gateway.web.site import Site
from gateway.wiring import Wiring
from tests.authority import Authority, Issued
from tests.e2e.console.stand import PASSWORD, Well, built, furnish, hire

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Reader:
    """A browser: it keeps cookies, and fills in the forms that it is shown."""

    client: TestClient
    fields: dict[str, str] = field(default_factory=lambda: dict(SAME_ORIGIN))

    def get(self, path: str, **more: object) -> httpx.Response:
        return self.client.get(path, headers=self.fields, follow_redirects=False, **more)

    def post(self, path: str, files: object = None, **form: object) -> httpx.Response:
        """Send a form without a token."""
        return self.client.post(path, data=form, files=files, headers=self.fields, follow_redirects=False)

    def token(self, path: str = "/account") -> str:
        found = re.search(r'name="token" value="(\w+)"', self.get(path).text)
        assert found, f"{path} has no form"
        return found[1]

    def send(self, path: str, files: object = None, **form: object) -> httpx.Response:
        """Send a form of a page of this session."""
        return self.post(path, files, token=self.token(), **form)

    def sign_in(self, name: str, password: str = PASSWORD, next_: str = "/") -> httpx.Response:
        return self.post("/sign-in", name=name, password=password, next=next_)


@dataclass(frozen=True)
class Stocked:
    """A store that is full, to be copied; ``secrets``: of sessions in it, by role, for a hash takes long."""

    folder: Path
    people: dict[str, Issued]
    secrets: dict[str, tuple[str, ...]]


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Stocked:
    folder = tmp_path_factory.mktemp("console")
    wiring = built(folder)
    people = furnish(wiring, authority)
    hire(wiring)
    client = sessions.Client("127.0.0.1", "a browser")
    secrets = {role: tuple(sessions.sign_in(wiring, role, PASSWORD, client).secret for _ in range(2)) for role in Role}
    wiring.close()
    return Stocked(folder, people, secrets)


@pytest.fixture
def people(stocked: Stocked) -> dict[str, Issued]:
    """Whose certificates are stored, by a short name."""
    return stocked.people


@pytest.fixture
def wiring(stocked: Stocked, tmp_path: Path) -> Iterator[Wiring]:
    """A gateway of one's own."""
    shutil.copytree(stocked.folder / "state", tmp_path / "state")
    made = built(tmp_path)
    yield made
    made.close()


@pytest.fixture
def browse(wiring: Wiring) -> Callable[..., Reader]:
    """Open a browser on this machine, or somewhere else."""
    app = create_app(Site(wiring, Well()))

    def opened(host: str = "127.0.0.1", url: str = "http://127.0.0.1:9425") -> Reader:
        return Reader(TestClient(app, base_url=url, client=(host, 50000), raise_server_exceptions=False))

    return opened


@pytest.fixture
def signed_in(browse: Callable[..., Reader], stocked: Stocked) -> Callable[[str], Reader]:
    """Open a browser in which somebody is signed in as the account that is called like its role; twice at most."""
    left = {role: iter(secrets) for role, secrets in stocked.secrets.items()}

    def begun(role: str) -> Reader:
        reader = browse()
        reader.client.cookies.set("session", next(left[role]))
        return reader

    return begun


@pytest.fixture
def admin(signed_in: Callable[[str], Reader]) -> Reader:
    return signed_in("admin")


@pytest.fixture
def operator(signed_in: Callable[[str], Reader]) -> Reader:
    return signed_in("operator")


@pytest.fixture
def viewer(signed_in: Callable[[str], Reader]) -> Reader:
    return signed_in("viewer")
