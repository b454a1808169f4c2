"""Keys whose feature does not exist yet: their default is taken, everything else is named."""

from typing import Any

import pytest

from gateway.config import Options
from gateway.config.planned import PLANNED, PLANNED_OF_GROUPS
from tests.config.texts import group, options, problems

MILTER = {"name": "m", "direction": "inbound", "listen": "unix:/run/m"}


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"milters": [MILTER]}, "milters"),
        ({"inbound": {"revocation": "hard"}}, "inbound.revocation"),
        ({"learn": "off"}, "learn"),
        ({"retention": {"replies": "1d"}}, "retention.replies"),
        ({"admin": {"listen": "127.0.0.1:9000"}}, "admin.listen"),
        ({"metrics": {"listen": "127.0.0.1:9000"}}, "metrics.listen"),
        ({"groups": [group(replies_to_encrypted="require")]}, "groups[0].replies_to_encrypted"),
    ],
)
def test_not_in_this_version(values: dict[str, Any], key: str) -> None:
    found = problems(**values)
    assert list(found) == [key]
    assert found[key].startswith("not in this version")


def test_their_defaults_may_be_written_out() -> None:
    defaults = {
        "milters": [],
        "inbound": {"opaque": "open", "revocation": "off", "hold": {"retention": "720h", "max_size": "51200kB"}},
        "learn": "quarantine",
        "algorithms": {"accept_legacy": False},
        "retention": {"replies": "400d"},
        "admin": {"listen": "127.0.0.1:9425"},
        "metrics": {"listen": "127.0.0.1:9426"},
        "groups": [group(replies_to_encrypted="warn", redeliver=None)],
    }
    assert options(**defaults) == options(groups=[group()])


def test_the_table_names_keys_that_exist() -> None:
    for first, *rest in PLANNED:
        model: Any = Options.model_fields[first].annotation
        for name in rest:
            model = model.model_fields[name].annotation
    assert set(PLANNED_OF_GROUPS) <= set(type(options(groups=[group()]).groups[0]).model_fields)
