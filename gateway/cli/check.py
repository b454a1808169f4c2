"""``check``: the composer's question - can this be signed, can it be encrypted, and if not, why?"""

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from gateway.clock import now
from gateway.house import House
from gateway.mail.address import parse_path
from gateway.policy.answer import Answer, answer


@click.command()
@click.argument("sender")
@click.argument("recipients", nargs=-1, required=True, metavar="RECIPIENT...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def check(house: House, sender: str, recipients: tuple[str, ...], as_json: bool) -> None:
    """Say whether a mail from SENDER to RECIPIENTs can be signed and encrypted, and if not, why."""
    sender = parse_path(sender)
    addresses = tuple(dict.fromkeys(parse_path(recipient) for recipient in recipients))
    result = answer(sender, addresses, house.engine.outbound.rules, house.store.certificates.find, now())
    if as_json:
        click.echo(json.dumps(_as_json(result), indent=2))
    else:
        _show(result)


def _as_json(result: Answer) -> dict[str, Any]:
    return {
        "sender": result.sender,
        "group": result.group,
        "rule": result.rule,
        "sign": {
            "possible": result.sign_reason is None,
            "reason": result.sign_reason,
            "level": result.sign_level,
            "fingerprint": result.fingerprint,
        },
        "encrypt": {
            "possible": result.encrypt_reason is None,
            "reason": result.encrypt_reason,
            "level": result.encrypt_level,
            "recipients": [
                {
                    "address": recipient.address,
                    "possible": recipient.holding is not None,
                    "reason": recipient.reason,
                    "fingerprint": recipient.holding.certificate.fingerprint if recipient.holding else None,
                }
                for recipient in result.recipients
            ],
        },
    }


def _show(result: Answer) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"From {result.sender}: {result.rule}", markup=False)
    console.print(f"sign:    {_word(result.sign_reason)}", markup=False)
    console.print(f"encrypt: {_word(result.encrypt_reason)}", markup=False)
    table = Table("recipient", "encrypt", "certificate", box=None)
    for recipient in result.recipients:
        held = recipient.holding.certificate.fingerprint[:16] if recipient.holding else ""
        table.add_row(recipient.address, _word(recipient.reason), held)
    console.print(table)


def _word(reason: str | None) -> str:
    return "possible" if reason is None else f"not possible: {reason}"
