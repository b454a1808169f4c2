"""What all parts of the options are made of: a mapping that knows its keys, and keys with a default and a meaning.

Defaults are written as an operator would write them and pass the same checks as the file.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def default(value: Any, meaning: str, **limits: Any) -> Any:
    """One key: its default as written in a file, and what it means."""
    return Field(value, description=meaning, validate_default=True, **limits)


def required(meaning: str, **limits: Any) -> Any:
    """One key without a default."""
    return Field(description=meaning, **limits)


class Section(BaseModel):
    """A mapping of the file: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)
