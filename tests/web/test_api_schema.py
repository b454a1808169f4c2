"""The whole API, as its schema describes it, against a server: schemathesis asks what that allows, and more."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
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

from gateway.web.api import create_api
from tests.web.serving import Served, made

EXAMPLES = max(3, settings().max_examples // 10)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


DOCUMENT = create_api(made(Path("/nowhere"))).openapi()
OPERATIONS = {
    operation.label: operation
    for operation in (found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations())
}


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_the_service_is_as_its_schema_says(label: str, mode: GenerationMode, served: Served) -> None:
    """What the schema allows is answered as it says, and what it does not allow is refused."""
    operation = OPERATIONS[label]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        return  # there is nothing that could be wrong

    # In a query everything is text: what is no text for the schema may read as one that is right.
    checks = [*CHECKS, negative_data_rejection] if operation.body else CHECKS

    @given(operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        headers = {"Authorization": f"Bearer {served.token}"}
        case.call_and_validate(base_url=f"{served.url}/api/v1", headers=headers, checks=checks, timeout=30)

    ask()


def test_the_schema_has_examples() -> None:
    """Of everything that is sent."""
    for example in ("support@example.org", "alice@example.com", "ada", "192.0.2.0/24", "30d"):
        assert example in str(DOCUMENT)
