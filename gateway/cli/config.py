"""``smime-gateway config check|show|schema``: is it right, what does it come to, what may stand in it."""

import json
from pathlib import Path

import click
import yaml

from gateway.cli.printing import SHORT
from gateway.clock import now
from gateway.config import ConfigError, Problem, effective, load, locate, schema, warnings
from gateway.errors import GatewayError
from gateway.store.database import SQLITE_NAME
from gateway.wiring import Wiring

BAD_CONFIGURATION = 78


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("config")
def config_group() -> None:
    """Check, show and describe the configuration."""


@config_group.command("check")
@as_json
@click.pass_obj
def check(wiring: Wiring, as_json: bool) -> None:
    """Name every problem (exit code 78) and every warning (0)."""
    doubts: list[str] = []
    problems: tuple[Problem, ...] = ()
    try:
        doubts = [*warnings(load(wiring.path)), *_gaps(wiring)]
    except ConfigError as error:
        problems = error.problems
    if as_json:
        listed = [{"key": problem.key, "problem": problem.text, "line": problem.line} for problem in problems]
        result = {"valid": not problems, "file": str(locate(wiring.path)), "problems": listed, "warnings": doubts}
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        _report(locate(wiring.path), [str(problem) for problem in problems], doubts)
    if problems:
        click.get_current_context().exit(BAD_CONFIGURATION)


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


def _report(path: Path, problems: list[str], doubts: list[str]) -> None:
    for problem in problems:
        click.echo(problem, err=True)
    for doubt in doubts:
        click.echo(f"warning: {doubt}", err=True)
    if not problems:
        click.echo(f"{path}: valid")


@config_group.command("show")
@as_json
@click.pass_obj
def show(wiring: Wiring, as_json: bool) -> None:
    """Print the effective values, defaults included, without secrets."""
    values = effective(load(wiring.path))
    text = json.dumps(values, indent=2, ensure_ascii=False) if as_json else yaml.safe_dump(values, sort_keys=False)
    click.echo(text.rstrip())


@config_group.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of the file, for editors."""
    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
