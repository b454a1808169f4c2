"""``check``: the composer's question - can this be signed, can it be encrypted, and if not, why?"""

import click

from gateway.admin.check import AnswerView, Fate, checked
from gateway.admin.find import SaidView
from gateway.cli.address import typed_address
from gateway.cli.printing import SHORT, json_option, print_json, print_table, visible
from gateway.wiring import Wiring


@click.command()
@click.argument("sender")
@click.argument("recipients", nargs=-1, required=True, metavar="RECIPIENT...")
@json_option
@click.pass_obj
def check(wiring: Wiring, sender: str, recipients: tuple[str, ...], as_json: bool) -> None:
    """Say whether a mail from SENDER to RECIPIENTs can be signed and encrypted, and if not, why."""
    sender = typed_address(sender)
    addresses = tuple(dict.fromkeys(typed_address(recipient) for recipient in recipients))
    result = checked(wiring, sender, addresses)
    if as_json:
        print_json(result)
    else:
        _show(result)


def _show(result: AnswerView) -> None:
    sign, encrypt = result.sign, result.encrypt
    click.echo(visible(f"{result.sender}: {result.rule}"))
    signing = f", by {sign.fingerprint[:SHORT]}" if sign.fingerprint else ""
    notes = f" ({', '.join(sign.notes)})" if sign.notes else ""
    click.echo(f"sign:    {_word(sign.reason)}{signing}{notes}")
    if result.chain_gap is not None and sign.fingerprint is not None:
        click.echo(visible(f"warning: certificate {sign.fingerprint[:SHORT]}: {result.chain_gap}"))
    click.echo(f"encrypt: {_word(encrypt.reason)}")
    click.echo(visible(_outcome(result)))
    rows = [
        (each.address, _word(each.reason), (each.fingerprint or "")[:SHORT], ", ".join(map(_said, each.lookup)))
        for each in encrypt.recipients
    ]
    print_table(("recipient", "encrypt", "certificate", "sources"), rows)


def _said(said: SaidView) -> str:
    return f"{said.source}: {said.result} ({said.at:%Y-%m-%d %H:%M})"


def _outcome(result: AnswerView) -> str:
    """What would become of such a mail, in a sentence."""
    if result.refusal is not None:
        return f"would be {'deferred' if result.outcome is Fate.DEFER else 'refused'}: {result.refusal}"
    signed, encrypted = ("" if result.signed else "not "), ("" if result.encrypted else "not ")
    recipients = result.encrypt.recipients
    everybody = "" if len(recipients) == 1 else f", for all {len(recipients)}"
    return f"leaves {signed}signed, {encrypted}encrypted{everybody}"


def _word(reason: str | None) -> str:
    return "possible" if reason is None else f"not possible: {reason}"
