"""Keys whose feature does not exist yet: their default is taken, everything else is named."""

from typing import Any

import pytest

from gateway.config import Options
from gateway.config.planned import PLANNED
from tests.config.texts import group, options, problems


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"partners": [{"name": "bank", "domains": ["bank.example"]}]}, "partners"),
        ({"groups": [group(domain_key="ab" * 32)]}, "groups[0].domain_key"),
    ],
)
def test_not_in_this_version(values: dict[str, Any], key: str) -> None:
    found = problems(**values)
    assert list(found) == [key]
    assert found[key].startswith("not in this version")


def test_their_defaults_may_be_written_out() -> None:
    defaults = {
        "partners": [],
        "groups": [group()],
    }
    assert options(**defaults) == options(groups=[group()])


def test_the_table_names_keys_that_exist() -> None:
    for first, *rest in PLANNED:
        model: Any = Options.model_fields[first].annotation
        for name in rest:
            model = model.model_fields[name].annotation


def test_what_is_built_may_be_set() -> None:
    hold = {"keep": "all", "redeliver": "manual", "sender": None, "retention": "31d", "next_hop": "127.0.0.1:10028"}
    made = options(
        inbound={"opaque": "keep", "revocation": "hard", "domains": ["example.org"], "hold": hold},
        algorithms={"accept_legacy": True},
        retention={"replies": "1d"},
        metrics={"listen": "[::1]:9000"},
        groups=[group(redeliver="all", replies_to_encrypted="require")],
    )
    assert (made.inbound.hold.sender, made.groups[0].redeliver, made.algorithms.accept_legacy) == (None, "all", True)
