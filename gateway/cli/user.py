"""``user``: accounts of the people who sign in at the console."""

import sys

import click

from gateway.admin import accounts
from gateway.admin.accounts import AccountView, TotpProposal
from gateway.admin.permission import Role
from gateway.cli.actor import this_user
from gateway.cli.deletion import on_terminal
from gateway.cli.password import code, new_password
from gateway.cli.printing import day, json_option, print_json, print_table
from gateway.wiring import Wiring

name_argument = click.argument("name")
role_type = click.Choice([role.value for role in Role])


@click.group()
def user() -> None:
    """Accounts of people at the console. A password is asked for, or one line of standard input; never an argument."""


@user.command()
@name_argument
@click.option("--role", type=role_type, default=Role.VIEWER.value, show_default=True, help="What it may do.")
@json_option
@click.pass_obj
def add(wiring: Wiring, name: str, role: str, as_json: bool) -> None:
    """Make an account."""
    plain = accounts.plain_name(name)
    _print(accounts.add(wiring, this_user(), plain, Role(role), new_password(plain)), "added", as_json=as_json)


@user.command("list")
@json_option
@click.pass_obj
def list_(wiring: Wiring, as_json: bool) -> None:
    """List accounts."""
    found = accounts.listed(wiring)
    if as_json:
        print_json(found)
    else:
        print_table(("name", "role", "codes", "state", "made", "signed in"), map(_row, found))


@user.command()
@name_argument
@click.argument("role", type=role_type)
@json_option
@click.pass_obj
def role(wiring: Wiring, name: str, role: str, as_json: bool) -> None:
    """Give an account another role; it counts at once."""
    _print(accounts.set_role(wiring, this_user(), name, Role(role)), f"is {role} now", as_json=as_json)


@user.command()
@name_argument
@json_option
@click.pass_obj
def password(wiring: Wiring, name: str, as_json: bool) -> None:
    """Give an account another password, and end its sessions."""
    plain = accounts.shown(wiring, name).name
    view = accounts.set_password(wiring, this_user(), plain, new_password(plain))
    _print(view, "has another password now; its sessions are ended", as_json=as_json)


@user.command()
@name_argument
@click.option("--off", is_flag=True, help="Ask for no codes any more.")
@json_option
@click.pass_obj
def totp(wiring: Wiring, name: str, off: bool, as_json: bool) -> None:
    """Ask an account for one-time codes, too (RFC 6238); a first code shows that an authenticator has the secret."""
    if off:
        _print(accounts.turn_totp_off(wiring, this_user(), name), "is asked for no codes any more", as_json=as_json)
        return
    proposal = accounts.propose_totp(wiring, name)
    _show(proposal)
    view = accounts.turn_totp_on(wiring, this_user(), name, proposal.secret, code())
    _print(view, "is asked for one-time codes from now on", as_json=as_json)


@user.command()
@name_argument
@click.option("--off", is_flag=True, help="Let it sign in again.")
@json_option
@click.pass_obj
def disable(wiring: Wiring, name: str, off: bool, as_json: bool) -> None:
    """Let nobody sign in with an account, and end its sessions."""
    view = accounts.set_disabled(wiring, this_user(), name, disabled=not off)
    _print(view, "may sign in again" if off else "is disabled; its sessions are ended", as_json=as_json)


@user.command()
@name_argument
@json_option
@click.pass_obj
def delete(wiring: Wiring, name: str, as_json: bool) -> None:
    """Delete an account, and end its sessions."""
    gone = accounts.delete(wiring, this_user(), name)
    if as_json:
        print_json(gone)
    else:
        click.echo(f"deleted account {gone.name}")


def _show(proposal: TotpProposal) -> None:
    """Show a secret where people look, and programs do not."""
    if on_terminal():
        import segno

        segno.make(proposal.uri, micro=False).terminal(out=sys.stderr, compact=True)
    click.echo(f"{proposal.uri}\nsecret: {proposal.secret}", err=True)


def _print(view: AccountView, told: str, *, as_json: bool) -> None:
    if as_json:
        print_json(view)
    else:
        click.echo(f"account {view.name}: {told}")


def _row(view: AccountView) -> tuple[str, ...]:
    signed_in = "never" if view.signed_in_at is None else day(view.signed_in_at)
    state = "disabled" if view.disabled else "active"
    return view.name, view.role, "yes" if view.totp else "no", state, day(view.created_at), signed_in
