"""From a file to options: find it, read it, and name every problem at once.

A value that is wrong does not hide others: it is taken out and the rest is judged without it.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from itertools import count, islice
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config.checks import contradictions
from gateway.config.document import Document
from gateway.config.files import unusable_files
from gateway.config.options import Options
from gateway.config.planned import not_in_this_version
from gateway.config.problem import ConfigError, KeyPath, Problem
from gateway.config.sources import source_faults

DEFAULT_PATH = Path("/etc/smime-gateway/gateway.yaml")
VARIABLE = "SMIME_GATEWAY_CONFIG"

_GONE = object()


def locate(given: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file to read: ``-c FILE``, else ``SMIME_GATEWAY_CONFIG``, else the default path."""
    return given or Path(environment.get(VARIABLE) or DEFAULT_PATH)


def load(given: Path | None = None) -> Options:
    """Read and check the configuration. Raises ``ConfigError`` with every problem.

    A file that is not there is an error, the default one too: a gateway on guessed options would relay mail unsigned.
    """
    path = locate(given)
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([Problem((), _absent(path))]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([Problem((), f"{path} is not UTF-8 text")]) from error
    except OSError as error:
        raise ConfigError([Problem((), f"{path} cannot be read: {error.strerror}")]) from error
    return parse(text)


def _absent(path: Path) -> str:
    if path != DEFAULT_PATH:
        return f"{path} does not exist"
    return f"no file: -c and {VARIABLE} name none, and {path} does not exist; an empty file takes all defaults"


def parse(text: str) -> Options:
    """Read and check a configuration text. Raises ``ConfigError`` with every problem."""
    document = Document(text)
    problems = list(document.problems)
    options: Options | None = None
    if document.values is not None or not problems:
        options, faults = _options({} if document.values is None else document.values)
        problems += faults
    if problems or options is None:
        placed = [Problem(p.path, p.text, p.line or document.line(p.path)) for p in problems]
        raise ConfigError(sorted(placed, key=lambda problem: problem.line or 0))
    return options


def _options(values: object) -> tuple[Options | None, list[Problem]]:
    """Return the options, and every problem of form and of substance."""
    problems: list[Problem] = []
    faults: set[KeyPath] = set()
    while () not in faults:
        try:
            options = Options.model_validate(_without(values, faults, ()))
        except ValidationError as error:
            found = [(_original(detail["loc"], faults), detail) for detail in error.errors(include_url=False)]
            # Later rounds only show what the first took out: a required key now missing takes its mapping along.
            problems = problems or [_problem(path, detail) for path, detail in found]
            wrong = {path[:-1] if detail["type"] == "missing" else path for path, detail in found}
            if wrong <= faults:  # a default of this machine is wrong, so there is nothing to take out
                return None, problems
            faults |= wrong
        else:
            return options, problems + _judged(options, faults)
    return None, problems


def _judged(options: Options, faults: set[KeyPath]) -> list[Problem]:
    found = [
        *not_in_this_version(options),
        *contradictions(options),
        *source_faults(options),
        *unusable_files(options),
    ]
    moved = [Problem(_original(problem.path, faults), problem.text) for problem in found]
    return [p for p in moved if not any(p.path[: len(fault)] == fault for fault in faults)]


def _without(value: object, faults: set[KeyPath], path: KeyPath) -> Any:
    """Return ``value`` without what stands at ``faults``."""
    if path in faults:
        return _GONE
    if not any(fault[: len(path)] == path for fault in faults):
        return value
    if isinstance(value, dict):
        kept = {name: _without(item, faults, (*path, name)) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item is not _GONE}
    if isinstance(value, list):
        items = [_without(item, faults, (*path, index)) for index, item in enumerate(value)]
        return [item for item in items if item is not _GONE]
    return value


def _original(path: KeyPath, faults: set[KeyPath]) -> KeyPath:
    """Translate a path in the pruned values to the one in the file: list items may have been taken out."""
    found: KeyPath = ()
    for step in path:
        if isinstance(step, int):
            here = found
            step = next(islice((n for n in count() if (*here, n) not in faults), step, None))
        found = (*found, step)
    return found


_TEXTS = {
    "missing": "missing; it has no default",
    "model_type": "must be a mapping of keys",
    "tuple_type": 'must be a list, such as ["…", "…"]',
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "too_short": "must not be empty",
}


def _problem(path: KeyPath, detail: ErrorDetails) -> Problem:
    kind, limits = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(path, _unknown(path))
    if detail["input"] is None and kind not in ("missing", "value_error"):
        return Problem(path, "has no value; give one, or remove the key")
    if kind == "value_error":
        return Problem(path, str(limits["error"]))
    if kind in ("literal_error", "enum"):
        return Problem(path, f"must be {limits['expected'].replace(chr(39), '')}")
    return Problem(path, _TEXTS.get(kind) or detail["msg"].removeprefix("Input "))


def _unknown(path: KeyPath) -> str:
    known = _keys_at(path[:-1])
    near = get_close_matches(str(path[-1]).replace("-", "_"), known, 1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known here: {', '.join(known)}"


def _keys_at(path: KeyPath) -> list[str]:
    """Return the names of all keys in the section at ``path``."""
    section: type[BaseModel] = Options
    for step in path:
        if isinstance(step, str):
            annotation = section.model_fields[step].annotation
            kinds = (annotation, *get_args(annotation))
            section = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(section.model_fields)
