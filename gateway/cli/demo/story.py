"""The story of the demonstration: mail leaves signed and encrypted, an answer comes back; ``openssl`` bears witness."""

import shutil
import smtplib
import tempfile
from pathlib import Path

import click
import yaml

from gateway.cli.demo.stage import (
    CUSTOMER,
    HELPDESK,
    Daemon,
    Mailbox,
    configuration,
    free_port,
    make_answer,
    make_authority,
    openssl,
    shown,
)
from gateway.cms.enveloped import read_enveloped
from gateway.errors import Fault
from gateway.mail.entity import Entity, decoded_body, read_entity
from gateway.pki.bundle import read_bundle
from gateway.pki.certificate import Certificate, read_certificate

SAMPLE = (
    f"From: Support <{HELPDESK}>\r\nTo: Customer <{CUSTOMER}>\r\nSubject: [Ticket#1042] Your printer\r\n"
    "Date: Mon, 01 Jun 2026 10:00:00 +0000\r\nMessage-ID: <1042@example.org>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Guten Tag,\r\n\r\nIhr Drucker ist repariert. Viele Grüße vom Support\r\n"
).encode()


@click.command()
@click.option("--mail", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The mail to send.")
def demo(mail: Path | None) -> None:
    """Show the main job on this machine: throw-away authority and store, real daemon, openssl as witness."""
    if shutil.which("openssl") is None:
        raise Fault("the demonstration needs the openssl command: install the package openssl")
    with tempfile.TemporaryDirectory(prefix="smime-gateway-demo-") as name:
        folder = Path(name)
        mailbox = Mailbox()
        doors = {"outbound": free_port(), "inbound": free_port()}
        config = folder / "gateway.yaml"
        config.write_text(yaml.safe_dump(configuration(folder / "state", doors, mailbox.port)))
        daemon = Daemon(config, doors["inbound"], folder / "daemon.log")
        mailbox.start()
        try:
            _tell(folder, daemon, mailbox, doors, SAMPLE if mail is None else mail.read_bytes())
        finally:
            code = daemon.stop()
            mailbox.stop()
    _chapter("The end")
    click.echo("Nothing is left behind: store, keys and authority were in a temporary folder.")
    if code != 0:
        raise Fault(f"the daemon did not stop cleanly: exit code {code}")
    click.echo("The daemon drained and stopped with exit code 0.")


def _tell(folder: Path, daemon: Daemon, mailbox: Mailbox, doors: dict[str, int], content: bytes) -> None:
    _chapter("1. A throw-away authority, and what the administrator imports")
    make_authority(folder)
    (folder / "helpdesk-all.pem").write_bytes(
        (folder / "helpdesk.pem").read_bytes() + (folder / "helpdesk.key").read_bytes()
    )
    for file in ("ca.pem", "helpdesk-all.pem", "customer.pem"):
        _command("import", file)
        click.echo(daemon.run("import", folder / file).rstrip())

    _chapter("2. The composer's question")
    _command("check", HELPDESK, CUSTOMER)
    click.echo(daemon.run("check", HELPDESK, CUSTOMER).rstrip())

    _chapter("3. The helpdesk sends a mail by SMTP; the daemon answers only after the next hop did")
    daemon.start()
    left = _submit(mailbox, doors["outbound"], HELPDESK, CUSTOMER, content)

    _chapter("4. What left")
    _show_message(left, folder)

    _chapter("5. openssl, which is not us, decrypts and verifies it")
    _witness(folder, left)

    _chapter("6. The way back: the customer's answer, signed and encrypted by openssl, with a forged result on top")
    answer = make_answer(folder, "helpdesk", "Thank you, it prints again.", "1@example.com")
    arrived = _submit(mailbox, doors["inbound"], CUSTOMER, HELPDESK, answer)
    _show_message(arrived, folder)
    click.echo("    | " + decoded_body(_first_leaf(read_entity(arrived))).decode(errors="replace").strip())

    _chapter("7. The activity log")
    _command("log")
    click.echo(daemon.run("log").rstrip())


def _submit(mailbox: Mailbox, port: int, sender: str, recipient: str, content: bytes) -> bytes:
    """Send a mail through a door and return what the next hop received of it."""
    before = len(mailbox.received)
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.ehlo("client.example.org")
        for code, answer in (client.mail(sender), client.rcpt(recipient), client.data(content)):
            text = f"{code} {answer.decode(errors='replace')}"
            if code >= 400:
                raise Fault(f"the gateway answered {text}")
    click.echo(f"to the client: {text}")
    if len(mailbox.received) == before:
        raise Fault("the next hop received nothing")
    return mailbox.received[-1]


def _first_leaf(entity: Entity) -> Entity:
    while entity.children:
        entity = entity.children[0]
    return entity


def _show_message(content: bytes, folder: Path) -> None:
    tree = read_entity(content)
    for field in tree.header.fields:
        click.echo("  " + tree.header.raw(field).decode(errors="replace").rstrip().replace("\n", "\n  "))
    click.echo("")
    _show_tree(tree, "  ")
    if not tree.content_type.parameters.get("smime-type", "").lower().endswith("enveloped-data"):
        return
    readers = _certificates(folder)
    click.echo("\n  Who can open it:")
    for recipient in read_enveloped(decoded_body(tree)).recipients:
        identity = recipient.identity
        names = [", ".join(reader.addresses) for reader in readers if identity is not None and identity.names(reader)]
        click.echo(f"    {' '.join(names) or 'somebody unknown'}")


def _show_tree(entity: Entity, indent: str) -> None:
    kind = entity.content_type
    details = [f"{name}={kind.parameters[name]}" for name in ("smime-type", "micalg") if name in kind.parameters]
    click.echo(f"{indent}{' '.join([kind.type, *details])}")
    for child in entity.children:
        _show_tree(child, indent + "  ")


def _certificates(folder: Path) -> list[Certificate]:
    files = [folder / "helpdesk.pem", folder / "customer.pem"]
    return [read_certificate(found.der) for file in files for found in read_bundle(file.read_bytes()).certificates]


def _witness(folder: Path, left: bytes) -> None:
    (folder / "left.eml").write_bytes(left)
    if b"enveloped-data" in left.partition(b"\r\n\r\n")[0]:
        arguments = ("cms", "-decrypt", "-in", "left.eml", "-recip", "customer.pem", "-inkey", "customer.key")
        _prove(folder, *arguments, "-out", "signed.eml")
        _show_tree(read_entity((folder / "signed.eml").read_bytes()), "  ")
    else:
        (folder / "signed.eml").write_bytes(left)
    _prove(folder, "cms", "-verify", "-in", "signed.eml", "-CAfile", "ca.pem", "-out", "content.eml")
    click.echo("  and the content is:")
    plain = decoded_body(read_entity((folder / "content.eml").read_bytes())).decode(errors="replace")
    click.echo("    | " + plain.strip().replace("\r", "").replace("\n", "\n    | "))


def _prove(folder: Path, *arguments: str) -> None:
    click.echo(f"$ openssl {' '.join(arguments)}")
    done = openssl(*arguments, folder=folder)
    if done.returncode != 0:
        raise Fault(f"openssl does not agree: {done.stderr.strip()}")
    click.echo(f"  {done.stderr.strip() or 'ok'}")


def _command(*words: str) -> None:
    click.secho(f"$ {shown(words)}", bold=True)


def _chapter(title: str) -> None:
    click.secho(f"\n{title}", fg="cyan", bold=True)
