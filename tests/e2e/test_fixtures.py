"""The golden mail of fixtures/mail, sent through a door and a real Postfix: the signatures hold at the far end.

Each goes to a reader behind a server with 8BITMIME and to one behind a server without, for whom Postfix re-codes
whatever is 8-bit. Headers longer than a line are folded by Postfix on the way; it must not matter.
"""

from pathlib import Path

import pytest
import yaml

from tests.e2e.client import letter, submit
from tests.e2e.conftest import People
from tests.e2e.daemon import PLAIN, SUPPORT, Daemon
from tests.e2e.sink import Sink
from tests.e2e.test_story import leaves
from tests.openssl import Witness

pytestmark = pytest.mark.postfix

FIXTURES = Path(__file__).parents[2] / "fixtures" / "mail"
READERS = {"8bit": "carol@example.com", "7bit": "carol@seven.example.com"}


def signed_ones() -> list[Path]:
    """The fixtures that the shared gateway's group signs: those that ask for no rules of their own."""
    found = [(path, yaml.safe_load(path.read_text())) for path in sorted(FIXTURES.glob("*.yaml"))]
    return [
        path.with_suffix(".eml")
        for path, spec in found
        if "rules" not in spec and "sender" not in spec and spec["expect"].get("signed") in ("clear", "opaque")
    ]


def test_there_are_enough() -> None:
    assert len(signed_ones()) >= 15


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", signed_ones(), ids=lambda path: path.stem)
def test_signature_survives_postfix(
    path: Path, reader: str, relayed: Daemon, sink: Sink, people: People, witness: Witness
) -> None:
    content = path.read_bytes()
    to = f"{path.stem}-{READERS[reader]}"
    options = ("BODY=8BITMIME",) if reader == "8bit" else ()
    assert submit(relayed.doors["outbound"], content, to, mail=options).code == 250
    (mail,) = sink.wait(lambda mail: mail.recipients == (to,))
    assert leaves(witness.verify(mail.content, people.authority.root.pem())) == leaves(content)


@pytest.mark.parametrize("reader", READERS)
def test_lines_beyond_what_smtp_allows(
    reader: str, relayed: Daemon, sink: Sink, people: People, witness: Witness
) -> None:
    """A header field and body lines over 998 bytes: outside the signed part Postfix folds, inside nothing is long."""
    sent = letter("X-Long: " + "word " * 600, body="x" * 5000 + "\r\n" + "ü" * 1500 + "\r\n")
    assert submit(relayed.doors["outbound"], sent.content, READERS[reader], sender=SUPPORT).code == 250
    (mail,) = sink.by_id(sent.id)
    assert max(map(len, mail.content.split(b"\r\n"))) <= 998
    assert leaves(witness.verify(mail.content, people.authority.root.pem())) == leaves(sent.content)


def test_unsigned_8bit_mail_is_recoded_by_postfix_only(relayed: Daemon, sink: Sink) -> None:
    """The other side of the coin: what we leave alone, Postfix re-codes where it must, and not we."""
    sent = letter(sender=PLAIN, body="Grüße\r\n")
    assert submit(relayed.doors["outbound"], sent.content, READERS["7bit"], sender=PLAIN).code == 250
    (mail,) = sink.by_id(sent.id)
    assert mail.field("content-transfer-encoding") == b"quoted-printable"
