"""The engine alone, over a real store whose certificates and keys are in memory by then: CPU time per signed mail.

Against the bare signature with the same key, and against one ``openssl cms`` process per mail. CPU time is that of
this process, with that of its children where there are any.
"""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from benchmarks.ground import ALICE, SIGNING, Ground, small_mail
from benchmarks.load import program
from benchmarks.ratio import Aim, NotMeasured, Row, Sides
from gateway.clock import new_id, now
from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction, Verdict
from gateway.gather import Gather, Memory
from gateway.mail.envelope import Envelope, Recipient
from gateway.story import tell
from gateway.wiring import Wiring

Process = Callable[[Transaction], Outcome]

TIMES = 200
PROCESSES = 20


def process_of(config: Path) -> Process:
    """Return what tells the story of a message, over the store of a configuration; nothing is remembered."""
    wiring = Wiring(config, durable=False)
    gather = Gather(wiring.store, Memory.ASKED)
    return lambda transaction: tell(wiring.engine.story(transaction), gather)


def signing(ground: Ground) -> Callable[[], None]:
    """Return what has the engine sign one mail."""
    process = process_of(ground.config)
    content, envelope = small_mail(SIGNING), Envelope(SIGNING, (Recipient(ALICE),))
    client = Client("127.0.0.1", helo="helpdesk.example.org")

    def sign() -> None:
        transaction = Transaction(
            new_id(), Direction.OUTBOUND, FrontEnd.SMTP, "outbound", client, envelope, content, now()
        )
        outcome = process(transaction)
        if outcome.verdict is not Verdict.RELAY or not outcome.deliveries[0].signed:
            raise NotMeasured(f"the engine did not sign: {outcome.reply}")

    return sign


def _against_signature(ground: Ground) -> Sides:
    sign = signing(ground)
    key = load_pem_private_key((ground.folder / "signing.key").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    scheme, digest, data = padding.PKCS1v15(), SHA256(), os.urandom(250)
    return Sides(lambda: cost(sign, TIMES), lambda: cost(lambda: key.sign(data, scheme, digest), TIMES))


def _against_processes(ground: Ground) -> Sides:
    sign = signing(ground)
    ground.mail(SIGNING)
    names = {"-signer": "signing.pem", "-inkey": "signing.key", "-certfile": "chain.pem", "-in": f"{SIGNING}.eml"}
    files = [part for option, name in names.items() for part in (option, str(ground.folder / name))]
    command = [program("openssl"), "cms", "-sign", "-md", "sha256", *files, "-out", os.devnull]
    return Sides(lambda: 1 / cost(sign, TIMES), lambda: 1 / cost(lambda: run(command), PROCESSES))


def run(command: list[str]) -> None:
    """Run a program to its end, as cheaply as that can be done. Raises ``NotMeasured`` where it fails."""
    quiet = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise NotMeasured(f"{' '.join(command[:3])} failed")


def cost(work: Callable[[], object], times: int) -> float:
    """Return the CPU seconds of one piece of work, children included."""
    before = time.process_time() + _children()
    for _ in range(times):
        work()
    return (time.process_time() + _children() - before) / times


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


ROWS = (
    Row(
        name="engine",
        ours="engine, CPU per signed 10 kB",
        theirs="bare RSA-2048 signature",
        aim=Aim(1.5, at_most=True),
        show=lambda seconds: f"{seconds * 1000:.3f} ms",
        build=_against_signature,
        turns=5,
    ),
    Row(
        name="openssl",
        ours="engine, signed 10 kB per CPU second",
        theirs="one `openssl cms` process per mail",
        aim=Aim(10),
        show=lambda rate: f"{rate:.0f}/s",
        build=_against_processes,
        turns=2,
    ),
)
