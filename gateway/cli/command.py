"""The root of the command line: ``-c``, the commands, and one exit code for every kind of failure."""

import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

import gateway
from gateway.config import ConfigError
from gateway.errors import Fault, GatewayError
from gateway.log import quieten_validator
from gateway.store import Misconfigured, NotPermitted
from gateway.store.installation import blamed
from gateway.wiring import Wiring

USAGE, BAD_INPUT, NO_INPUT, INTERNAL, TEMPORARY, NOT_PERMITTED, BAD_CONFIGURATION = 64, 65, 66, 70, 75, 77, 78

_EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (ConfigError, BAD_CONFIGURATION),
    (Misconfigured, BAD_CONFIGURATION),
    (NotPermitted, NOT_PERMITTED),
    (Fault, TEMPORARY),
    (GatewayError, BAD_INPUT),
    (PermissionError, NOT_PERMITTED),
    (OSError, NO_INPUT),
)


COMMANDS = {
    "audit": "audit.audit",
    "backup": "store.backup",
    "cert": "cert.cert",
    "check": "check.check",
    "config": "config.config_group",
    "crl": "crl.crl",
    "demo": "demo.demo",
    "gateway": "gateway.gateway",
    "held": "held.held",
    "import": "import_.import_command",
    "kek": "kek.kek",
    "key": "key.key",
    "log": "log.log",
    "message": "message.message",
    "privacy": "privacy.privacy",
    "restore": "store.restore",
    "serve": "serve.serve",
    "store": "store.store",
    "token": "token.token",
    "user": "user.user",
}
"""Where each command is: its module below ``gateway.cli``, and its name there."""


class _Commands(click.Group):
    """The commands, each loaded when it is asked for: all of them together take a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(".")
        command = getattr(import_module(f"gateway.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Configuration file; default: $SMIME_GATEWAY_CONFIG, then /etc/smime-gateway/gateway.yaml.",
)
@click.version_option(gateway.__version__, prog_name="smime-gateway")
@click.pass_context
def root(context: click.Context, path: Path | None) -> None:
    """S/MIME gateway between a helpdesk and its mail server."""
    context.obj = Wiring(path)


def main() -> NoReturn:
    """Run the command and leave with its exit code."""
    # What `cryptography` finds odd in a certificate that it reads all the same, an operator can do nothing about.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"gateway\.")
    quieten_validator()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; standard error gets one line for each problem."""
    try:
        return root.main(config_first(arguments), prog_name="smime-gateway", standalone_mode=False) or 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE if isinstance(error, click.UsageError) else error.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return 130
    except SystemExit:
        return 0  # click's word for a reader that has seen enough (EPIPE)
    except Exception as error:  # noqa: BLE001 - the outermost boundary: every failure gets a code
        return _report(error)


def config_first(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with ``-c FILE`` in front, wherever it stands; everything after ``--`` stays."""
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    for at, word in enumerate(given[:end]):
        if word in ("-c", "--config") and at + 1 < end:
            return [*given[at : at + 2], *given[:at], *given[at + 2 :]]
        if word.startswith("--config="):
            return [word, *given[:at], *given[at + 1 :]]
    return given


def _report(error: Exception) -> int:
    if isinstance(error, ImportError | PermissionError):
        error = blamed(error)
    for kind, code in _EXIT_CODES:
        if isinstance(error, kind):
            # Problems of the configuration begin with their keys, as `config check` prints them.
            click.echo(str(error) if kind is ConfigError else f"smime-gateway: {_told(error)}", err=True)
            return code
    traceback.print_exception(error)
    click.echo("smime-gateway: this is a bug in the gateway; please report it with the lines above", err=True)
    return INTERNAL


def _told(error: Exception) -> str:
    """Return what went wrong; a command that became the owner of STATE says as whom it was refused."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    whom = f" (as user {os.geteuid()}, the owner of the state directory)" if os.getuid() != os.geteuid() else ""
    return f"{where}{error.strerror}{whom}"
