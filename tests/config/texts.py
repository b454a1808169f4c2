"""Configuration texts for tests, and what became of them."""

import copy
from typing import Any

import pytest
import yaml

from gateway.config import ConfigError, Options, parse, warnings

DOOR: dict[str, Any] = {
    "name": "out",
    "direction": "outbound",
    "listen": "127.0.0.1:2525",
    "next_hop": "127.0.0.1:2526",
}
GROUP: dict[str, Any] = {"name": "support", "addresses": ["support@example.org"]}


def door(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(DOOR), **changes}


def group(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GROUP), **changes}


def options(**values: Any) -> Options:
    """Options of a configuration with these keys and a hostname."""
    return parse(yaml.safe_dump({"hostname": "gw.example.org", **values}))


def problems(**values: Any) -> dict[str, str]:
    """Every problem of a configuration that must not be accepted: key to text."""
    with pytest.raises(ConfigError) as caught:
        options(**values)
    return {problem.key: problem.text for problem in caught.value.problems}


def doubts(**values: Any) -> list[str]:
    """The warnings on a configuration that has a group, so that only the interesting ones are left."""
    return warnings(options(**{"groups": [group()], **values}))
