"""``check``: the composer's question - can this be signed, can it be encrypted, and if not, why?"""

from dataclasses import replace
from typing import Any

import click

from gateway.cli.address import typed_address
from gateway.cli.printing import SHORT, json_option, print_json, print_table, visible
from gateway.clock import now
from gateway.policy.answer import Answer, answer
from gateway.wiring import Wiring

INCOMPLETE_CHAIN = "incomplete-chain"
"""A note of ours among those of the record."""


@click.command()
@click.argument("sender")
@click.argument("recipients", nargs=-1, required=True, metavar="RECIPIENT...")
@json_option
@click.pass_obj
def check(wiring: Wiring, sender: str, recipients: tuple[str, ...], as_json: bool) -> None:
    """Say whether a mail from SENDER to RECIPIENTs can be signed and encrypted, and if not, why."""
    sender = typed_address(sender)
    addresses = tuple(dict.fromkeys(typed_address(recipient) for recipient in recipients))
    result = answer(sender, addresses, wiring.engine.outbound.rules, wiring.store.certificates.find, now())
    gap = _gap(wiring, result)
    if gap is not None:
        result = replace(result, notes=(*result.notes, INCOMPLETE_CHAIN))
    if as_json:
        print_json(_as_json(result))
    else:
        _show(result, gap)


def _gap(wiring: Wiring, result: Answer) -> str | None:
    """What keeps recipients from verifying the signature, where the nearest issuer is not stored."""
    if result.fingerprint is None:
        return None
    certificates = wiring.store.certificates
    chain = certificates.whole_chain(certificates.get(result.fingerprint).certificate)
    return chain.gap if chain.is_cut else None


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
            "notes": list(result.notes),
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
        "outcome": "relay" if result.refusal is None else "refuse",
        "signed": result.signed,
        "encrypted": result.encrypted,
    }


def _show(result: Answer, gap: str | None) -> None:
    click.echo(visible(f"{result.sender}: {result.rule}"))
    signing = f", by {result.fingerprint[:SHORT]}" if result.fingerprint else ""
    notes = f" ({', '.join(result.notes)})" if result.notes else ""
    click.echo(f"sign:    {_word(result.sign_reason)}{signing}{notes}")
    if gap is not None and result.fingerprint is not None:
        click.echo(visible(f"warning: certificate {result.fingerprint[:SHORT]}: {gap}"))
    click.echo(f"encrypt: {_word(result.encrypt_reason)}")
    rows = [
        (
            recipient.address,
            _word(recipient.reason),
            recipient.holding.certificate.fingerprint[:SHORT] if recipient.holding else "",
        )
        for recipient in result.recipients
    ]
    click.echo(visible(_outcome(result)))
    print_table(("recipient", "encrypt", "certificate"), rows)


def _outcome(result: Answer) -> str:
    """What would become of such a mail, in a sentence."""
    if result.refusal is not None:
        return f"would be refused: {result.refusal}"
    signed, encrypted = ("" if result.signed else "not "), ("" if result.encrypted else "not ")
    everybody = "" if len(result.recipients) == 1 else f", for all {len(result.recipients)}"
    return f"leaves {signed}signed, {encrypted}encrypted{everybody}"


def _word(reason: str | None) -> str:
    return "possible" if reason is None else f"not possible: {reason}"
