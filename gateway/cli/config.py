"""``smime-gateway config check|show|schema``: is it right, what does it come to, what may stand in it."""

import json

import click
import yaml

from gateway.admin import configuration
from gateway.admin.configuration import ConfigurationView
from gateway.admin.view import as_json as view_as_json
from gateway.cli.printing import json_option
from gateway.config import schema
from gateway.config.problem import told
from gateway.wiring import Wiring

BAD_CONFIGURATION = 78


@click.group("config")
def config_group() -> None:
    """Check, show and describe the configuration."""


@config_group.command("check")
@json_option
@click.pass_obj
def check(wiring: Wiring, as_json: bool) -> None:
    """Name every problem (exit code 78) and every warning (0)."""
    found = configuration.checked(wiring)
    if as_json:
        click.echo(json.dumps(view_as_json(found), indent=2, ensure_ascii=False))
    else:
        _report(found)
    if not found.valid:
        click.get_current_context().exit(BAD_CONFIGURATION)


def _report(found: ConfigurationView) -> None:
    for each in found.problems:
        click.echo(told(each.key, each.problem, each.line), err=True)
    for doubt in found.warnings:
        click.echo(f"warning: {doubt}", err=True)
    if found.valid:
        click.echo(f"{found.file}: valid")


@config_group.command("show")
@json_option
@click.pass_obj
def show(wiring: Wiring, as_json: bool) -> None:
    """Print the effective values, defaults included, without secrets."""
    text = configuration.written(wiring) if as_json else yaml.safe_dump(configuration.shown(wiring), sort_keys=False)
    click.echo(text.rstrip())


@config_group.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of the file, for editors."""
    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
