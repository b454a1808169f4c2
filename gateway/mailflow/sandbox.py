"""One message through the engine in a process of its own, which may die, hang or eat memory and hurt nobody.

That process reads the options and the message from standard input (pickled, by the one that starts it), makes nothing
of the result and leaves nothing behind: that the engine comes to an end is all that is asked.
"""

import os
import pickle
import resource
import signal
import subprocess
import sys

from gateway.config import Options
from gateway.engine.transaction import Transaction
from gateway.errors import Fault, GatewayError
from gateway.gather import try_out
from gateway.store import open_store
from gateway.wiring import build_engine, store_options

SECONDS = 60
"""How long it may take."""
MEMORY, PER_OCTET = 1 << 30, 8
"""How many octets of address space it may use, and how many more for each of the message."""
FAULT = 75
_NOT_ITS = {"PROMETHEUS_MULTIPROC_DIR", "NOTIFY_SOCKET"}
"""What belongs to the processes that serve: it is not counted, and says nothing to systemd."""


def survives_sandbox(options: Options, transaction: Transaction) -> bool:
    """Try a message; False: its process crashed, hung or failed. Raises ``Fault`` where it is not to blame."""
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_ITS}
    command = [sys.executable, "-P", "-c", "from gateway.mailflow.sandbox import main; main()"]
    try:
        done = subprocess.run(command, input=pickle.dumps((options, transaction)), env=environment, check=False)
    except OSError as error:
        raise Fault(f"a message could not be tried in a process of its own: {error}") from error
    if done.returncode == FAULT:
        raise Fault("a message could not be tried in a process of its own; the lines above say why")
    return done.returncode == 0


def main() -> None:
    """Be that process."""
    signal.alarm(SECONDS)
    options, transaction = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the worker that started this process
    bound = MEMORY + PER_OCTET * len(transaction.content)
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    try:
        store = open_store(store_options(options), durable=False)
        for delivery in try_out(build_engine(options, store), store, transaction).deliveries:
            delivery.ready()
    except GatewayError as error:
        print(f"alone: {error}", file=sys.stderr)  # noqa: T201 - the log of the worker
        sys.exit(FAULT)
