"""The configuration: is it right, what does it come to, and which one runs."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from gateway.admin.actor import Actor, ActorKind
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.clock import now
from gateway.config import ConfigError, Problem, effective, locate, warnings
from gateway.errors import GatewayError
from gateway.store.database import SQLITE_NAME
from gateway.wiring import Wiring

SHORT = 16
"""Digits of a fingerprint that name a certificate in a sentence."""


@dataclass(frozen=True, slots=True)
class ProblemView:
    """One fault: where it stands, what is wrong and what to do; ``line`` counts from 1, None: not in the file."""

    key: str
    problem: str
    line: int | None


@dataclass(frozen=True, slots=True)
class ConfigurationView:
    """Whether a configuration may be used, every fault of it, and what it may not mean."""

    valid: bool
    file: str
    problems: tuple[ProblemView, ...]
    warnings: tuple[str, ...]


def checked(wiring: Wiring) -> ConfigurationView:
    """Return what is to be said of the configuration."""
    file = str(locate(wiring.path))
    try:
        doubts = (*warnings(wiring.options), *_gaps(wiring))
    except ConfigError as error:
        return ConfigurationView(False, file, tuple(map(_problem, error.problems)), ())
    return ConfigurationView(True, file, (), doubts)


def shown(wiring: Wiring) -> dict[str, Any]:
    """Return the effective values, defaults included, without secrets. Raises ``ConfigError``."""
    return effective(wiring.options)


def written(wiring: Wiring) -> str:
    """Return the same as JSON, as it is printed. Raises ``ConfigError``."""
    return json.dumps(shown(wiring), indent=2, ensure_ascii=False) + "\n"


def note_running(wiring: Wiring, verb: Verb) -> None:
    """Enter in the audit log that the service began to run (``verb``) under this configuration. Raises ``Fault``."""
    digest = hashlib.sha256(written(wiring).encode("utf-8", "surrogateescape")).hexdigest()
    with changing(wiring, Actor(wiring.options.hostname, ActorKind.SYSTEM), verb) as note:
        note(Effect(Kind.CONFIGURATION, digest, "in force"))


def _problem(found: Problem) -> ProblemView:
    return ProblemView(found.key, found.text, found.line)


def _gaps(wiring: Wiring) -> list[str]:
    """What is missing above certificates that sign; nothing where there is no store yet, or none that can be asked."""
    if wiring.options.database == "sqlite" and not (wiring.options.state / SQLITE_NAME).exists():
        return []
    try:
        stored = wiring.store.certificates
        mine = [stored.get(name).certificate for key in wiring.store.keys.list() for name in key.certificates]
        chains = [(item, stored.whole_chain(item)) for item in mine if item.may_sign and not item.fault_at(now())]
    except (GatewayError, OSError):
        return []
    return [f"certificate {item.fingerprint[:SHORT]}: {chain.gap}" for item, chain in chains if chain.is_cut]
