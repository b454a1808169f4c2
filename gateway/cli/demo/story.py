"""The story of the demonstration: mail leaves signed and encrypted, an answer comes back, a key arrives late.

``openssl`` bears witness.
"""

import shutil
import smtplib
import tempfile
from pathlib import Path

import click
import yaml

from gateway.cli.demo.stage import (
    CUSTOMER,
    HELPDESK,
    PEOPLE,
    STRANGER,
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
    click.echo("Next: put it in front of your own mail server, as docs/installation.md and docs/postfix.md say.")


def _tell(folder: Path, daemon: Daemon, mailbox: Mailbox, doors: dict[str, int], content: bytes) -> None:
    _chapter("1. A throw-away authority, and what the administrator imports")
    make_authority(folder)
    _import(folder, daemon, "ca.pem", _with_key(folder, "helpdesk"), "customer.pem")

    _chapter("2. The composer's question")
    _run(daemon, "check", HELPDESK, CUSTOMER)
    _run(daemon, "check", HELPDESK, STRANGER)

    _chapter("3. The helpdesk sends a mail by SMTP; the daemon answers only after the next hop did")
    daemon.start()
    left = _submit(mailbox, doors["outbound"], HELPDESK, CUSTOMER, content)

    _chapter("4. What left")
    _show_message(left, folder)

    _chapter("5. openssl, which is not us, decrypts and verifies it")
    _witness(folder, left)

    _chapter("6. The way back: the customer's answer, signed and encrypted by openssl, with a forged result on top")
    answer = make_answer(folder, "helpdesk", "Thank you, it prints again.", "1@example.com")
    _show_opened(_submit(mailbox, doors["inbound"], CUSTOMER, HELPDESK, answer), folder)

    _chapter("7. A key that arrives late: the customer has the helpdesk's next certificate, the gateway not yet")
    _late_key(folder, daemon, mailbox, doors["inbound"])

    _chapter("8. The activity log")
    _run(daemon, "log")


def _late_key(folder: Path, daemon: Daemon, mailbox: Mailbox, door: int) -> None:
    late = make_answer(folder, "renewed", "And the scanner, too?", "2@example.com")
    _show_message(_submit(mailbox, door, CUSTOMER, HELPDESK, late), folder)
    click.echo("\nDelivered as it came, and kept:")
    _run(daemon, "held", "list")
    before = len(mailbox.received)
    _import(folder, daemon, _with_key(folder, "renewed"))
    click.echo("\nThe daemon tries again by itself; the helpdesk gets it as an answer to the first copy:")
    _show_opened(mailbox.wait(before + 1), folder)


def _with_key(folder: Path, name: str) -> str:
    """Write certificate and key of ``name`` into one file, as they are handed over; return the file's name."""
    both = f"{name}-all.pem"
    (folder / both).write_bytes((folder / f"{name}.pem").read_bytes() + (folder / f"{name}.key").read_bytes())
    return both


def _import(folder: Path, daemon: Daemon, *files: str) -> None:
    for file in files:
        _command("import", file)
        click.echo(daemon.run("import", folder / file).rstrip())


def _run(daemon: Daemon, *words: str) -> None:
    _command(*words)
    click.echo(daemon.run(*words).rstrip())


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
    return mailbox.wait(before + 1)


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
        found = [name for name, reader in readers.items() if identity is not None and identity.names(reader)]
        click.echo(f"    {' '.join(f'{PEOPLE[name]} ({name}.pem)' for name in found) or 'somebody unknown'}")


def _show_opened(content: bytes, folder: Path) -> None:
    _show_message(content, folder)
    click.echo("    | " + decoded_body(_first_leaf(read_entity(content))).decode(errors="replace").strip())


def _show_tree(entity: Entity, indent: str) -> None:
    kind = entity.content_type
    details = [f"{name}={kind.parameters[name]}" for name in ("smime-type", "micalg") if name in kind.parameters]
    click.echo(f"{indent}{' '.join([kind.type, *details])}")
    for child in entity.children:
        _show_tree(child, indent + "  ")


def _certificates(folder: Path) -> dict[str, Certificate]:
    bundles = {name: read_bundle((folder / f"{name}.pem").read_bytes()) for name in PEOPLE}
    return {name: read_certificate(bundle.certificates[0].der) for name, bundle in bundles.items()}


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
