"""``serve``: the daemon in the foreground, as a service manager wants it."""

import os
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from gateway.config import load
from gateway.store.files import become_owner, hand_over
from gateway.store.installation import check_installation
from gateway.wiring import Wiring


@click.command()
@click.pass_obj
def serve(wiring: Wiring) -> None:
    """Run the gateway: all doors, until it is told to stop.

    TERM drains, a second TERM stops at once. HUP reads the configuration again.
    """
    state = wiring.options.state
    # prometheus_client reads where to count when it is imported, so the daemon comes after that; no other command needs
    # it. The folder is this run's alone: another start by mistake takes nothing away.
    runtime = os.environ.get("RUNTIME_DIRECTORY")
    with TemporaryDirectory(prefix="smime-gateway-metrics-", dir=runtime, ignore_cleanup_errors=True) as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        from gateway.processes import service

        # Nothing stays behind as root's that the children, or the next start, could not use.
        hand_over(Path(folder), state)
        become_owner(state)
        check_installation()
        service.serve(partial(load, wiring.path), Path(folder))
