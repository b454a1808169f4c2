"""``message process``: messages from files through the same engine and store as the daemon's, without relaying them."""

import json
import os
import stat
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
from rich.progress import track

from gateway.admin.trial import BARE_LF, crlf, tried
from gateway.cli.address import typed_address
from gateway.cli.printing import visible
from gateway.cli.standard_input import STANDARD_INPUT, Source, read, shown
from gateway.clock import new_id, now
from gateway.engine.engine import make_record
from gateway.engine.record import Record, as_json
from gateway.engine.transaction import Client, Direction, FrontEnd, Octets, Outcome, Receipt, Transaction, Verdict
from gateway.errors import Fault
from gateway.log import logger
from gateway.mail.arrival import refusal
from gateway.mail.envelope import Envelope, Recipient
from gateway.reply import trouble
from gateway.wiring import Wiring

EXIT_CODES = {Verdict.RELAY: 0, Verdict.REJECT: 65, Verdict.DEFER: 75}


@click.group()
def message() -> None:
    """Try messages out."""


class Moment(click.ParamType[datetime]):
    """A time as RFC 3339 writes it, with its offset."""

    name = "RFC3339"

    def convert(self, value: str, param: click.Parameter | None, context: click.Context | None) -> datetime:
        """Return the aware time."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-01-31T12:00:00Z", param, context)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no offset; add Z for UTC", param, context)
        return moment


@message.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=Source())
@click.option("--direction", type=click.Choice([d.value for d in Direction]), required=True)
@click.option("--sender", required=True, metavar="ADDRESS", help='Envelope sender; "" is the null sender.')
@click.option("--recipient", "recipients", multiple=True, required=True, metavar="ADDRESS")
@click.option("--at", type=Moment(), help="The clock of certificate decisions; default: now.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write messages there.")
@click.option(
    "--record", "record_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the record there."
)
@click.pass_obj
def process(
    wiring: Wiring,
    files: tuple[Path, ...],
    direction: str,
    sender: str,
    recipients: tuple[str, ...],
    at: datetime | None,
    output: Path | None,
    record_file: Path | None,
) -> int:
    """Process each FILE (default and -: standard input) as if it came through a door; nothing is relayed or remembered.

    Lines that end in LF are read as if they ended in CRLF. Exit: 0 relay, 65 reject, 75 defer.
    """
    many = len(files) > 1 or any(file.is_dir() for file in files)
    if many and (output is None or record_file is not None):
        raise click.UsageError("several files need --output DIR, which holds their records too")
    if many and STANDARD_INPUT in files:
        raise click.UsageError("- is standard input, one message: give it alone")
    envelope = Envelope(
        typed_address(sender, null=True),
        tuple(Recipient(typed_address(address, postmaster=True)) for address in recipients),
    )
    if not many:
        content = _read(files[0] if files else STANDARD_INPUT)
        outcome, record = run_one(wiring, Direction(direction), envelope, content, at)
        write_one(outcome, record, output, record_file)
        return EXIT_CODES[outcome.verdict]
    verdicts: Counter[Verdict] = Counter()
    names = [name for file in files for name in (_mails(file) if file.is_dir() else [file])]
    doubled = [name for name, count in Counter(name.name for name in names).items() if count > 1]
    if doubled:
        raise click.UsageError(f"several files have the name {doubled[0]}: give them in separate calls")
    for name in track(names, "processing", disable=not sys.stderr.isatty(), transient=True):
        outcome, record = run_one(wiring, Direction(direction), envelope, _read(name), at)
        write_one(outcome, record, (output or Path()) / name.name, None)
        verdicts[outcome.verdict] += 1
        if outcome.verdict is not Verdict.RELAY:
            click.echo(visible(f"{name.name}: {outcome.reply}"), err=True)
    click.echo(_sum(verdicts), err=True)
    return max((EXIT_CODES[verdict] for verdict in verdicts), default=0)


def _sum(verdicts: Counter[Verdict]) -> str:
    total = verdicts.total()
    each = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict])
    return f"{total} message{'' if total == 1 else 's'}{': ' if each else ''}{each}"


def _mails(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _read(file: Path) -> bytes:
    return told(shown(file) if file == STANDARD_INPUT else file.name, read(file))


def told(name: str, content: bytes) -> bytes:
    """Return ``content``; where some lines end in LF and others in CRLF, say so on standard error."""
    bare, whole = BARE_LF.search(content), content.find(b"\r\n")
    if bare is not None and whole >= 0:
        line, other = (content.count(b"\n", 0, end) + 1 for end in (bare.start(), whole))
        text = f"line {line} ends in LF, line {other} in CRLF; read as CRLF, while a door would refuse it"
        click.echo(visible(f"{name}: warning: {text}"), err=True)
    return content


def run_one(
    wiring: Wiring, direction: Direction, envelope: Envelope, content: bytes, at: datetime | None
) -> tuple[Outcome, Record]:
    """Run the engine over one message as the daemon would; faults become a deferral."""
    moment = at or now()
    transaction = Transaction(
        id=new_id(),
        direction=direction,
        front_end=FrontEnd.CLI,
        door=FrontEnd.CLI,
        client=Client(),
        envelope=envelope,
        content=crlf(content),
        received_at=now(),
    )
    outcome = _outcome(wiring, transaction, moment)
    receipts = tuple(Receipt(delivery, None, None) for delivery in outcome.deliveries)
    return outcome, make_record(transaction, outcome, receipts, outcome.reply, 0.0)


def _outcome(wiring: Wiring, transaction: Transaction, at: datetime) -> Outcome:
    """What the door and then the engine make of it."""
    if (refused := refusal(transaction.content)) is not None:
        return Outcome(Verdict.REJECT, refused)
    try:
        outcome = tried(wiring, transaction, at)
        return replace(outcome, deliveries=tuple(delivery.ready() for delivery in outcome.deliveries))
    except Fault as error:
        logger.error("%s: %s", transaction.id, error)
        return Outcome(Verdict.DEFER, trouble(transaction.id))


def write_one(outcome: Outcome, record: Record, output: Path | None, record_file: Path | None) -> None:
    """Write deliveries and record where they were asked for; a single delivery may go to standard output.

    What was opened is for nobody else's eyes: files are 0600, folders that are made 0700.
    """
    text = json.dumps(as_json(record), indent=2).encode() + b"\n"
    if output is not None:
        _make_folder(output)
        for stale in output.glob("delivery-*.eml"):
            stale.unlink()
        for number, delivery in enumerate(outcome.deliveries, 1):
            _write(output / f"delivery-{number}.eml", delivery.content)
        _write(record_file or output / "record.json", text)
        return
    if record_file is not None:
        _write(record_file, text)
    if len(outcome.deliveries) > 1:
        raise click.UsageError(f"the message becomes {len(outcome.deliveries)} deliveries: --output DIR is needed")
    for delivery in outcome.deliveries:
        sys.stdout.buffer.write(delivery.content)
    if outcome.reply is not None:
        click.echo(str(outcome.reply), err=True)
    if record.rule is not None:
        click.echo(f"rule: {record.rule}", err=True)


def _make_folder(folder: Path) -> None:
    """Make a folder 0700, and those above it that are missing; one that is there stays as it is."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700)


def _write(path: Path, content: Octets) -> None:
    """Write a file 0600; one that is there becomes so before anything is in it."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            os.fchmod(file.fileno(), 0o600)
            file.truncate()
        file.write(content)
