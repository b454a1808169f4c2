"""The whole API, as its schema describes it, against a server: schemathesis asks what that allows, and more."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.admin import tokens
from gateway.admin.permission import Permission
from gateway.admin.tokens import TokenWish
from gateway.config import parse
from gateway.config.values import Endpoint
from gateway.web.api import create_api
from gateway.web.app import create_app
from gateway.web.server import Bounds, Server
from gateway.web.site import Site
from gateway.wiring import Wiring
from tests.authority import Authority
from tests.e2e.daemon import free_port, poll
from tests.stores import ready
from tests.web.conftest import ALICE, FOUNDER, GROUPS, SUPPORT, Well, bring

EXAMPLES = max(3, settings().max_examples // 10)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def _site(state: Path) -> Site:
    document = {"hostname": "gw.example.org", "state": str(state), "groups": GROUPS}
    return Site(Wiring(options=parse(yaml.safe_dump(document))), Well())


DOCUMENT = create_api(_site(Path("/nowhere"))).openapi()
OPERATIONS = {
    operation.label: operation
    for operation in (found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations())
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[tuple[str, str]]:
    """A server over a store with something of everything; its address, and an administrator's token."""
    site = _site(ready(tmp_path_factory.mktemp("schema") / "state"))
    own = authority.leaf(SUPPORT, kind="p256")
    bring(site, authority.root.pem(), own.pem() + own.key_pem(), authority.leaf(ALICE, kind="p256").pem())
    secret = tokens.create(site.wiring, FOUNDER, TokenWish("zz-administrator", [Permission.ADMIN])).token
    server, port = Server("schema", create_app(site), Bounds(connections=20)), free_port()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve_at(Endpoint("127.0.0.1", port))))
    thread.start()
    poll(lambda: server.started)
    yield f"http://127.0.0.1:{port}/api/v1", secret
    server.should_exit = True
    thread.join()
    site.wiring.close()


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_the_service_is_as_its_schema_says(label: str, mode: GenerationMode, served: tuple[str, str]) -> None:
    """What the schema allows is answered as it says, and what it does not allow is refused."""
    url, token = served
    operation = OPERATIONS[label]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        return  # there is nothing that could be wrong

    # In a query everything is text: what is no text for the schema may read as one that is right.
    checks = [*CHECKS, negative_data_rejection] if operation.body else CHECKS

    @given(operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        case.call_and_validate(base_url=url, headers=headers, checks=checks, timeout=30)

    ask()


def test_the_schema_has_examples() -> None:
    """Of everything that is sent."""
    for example in ("support@example.org", "alice@example.com", "ada", "192.0.2.0/24", "30d"):
        assert example in str(DOCUMENT)
