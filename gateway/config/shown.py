"""Options as others see them: the effective values without secrets, and the JSON Schema for editors."""

from typing import Any

from gateway.config.options import Options
from gateway.config.values import masked


def effective(options: Options) -> dict[str, Any]:
    """Return every value as a file would hold it, what groups inherit filled in, passwords masked."""
    values = options.model_dump(mode="json")
    values["database"] = masked(options.database)
    for group in values["groups"]:
        for name in ("sign", "encrypt"):
            group[name] = group[name] or values["defaults"][name]
    return values


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the configuration file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Options.model_json_schema()}
