"""Mail of five helpdesks through the daemon's doors: out, the customer's answer in, and one that is held."""

from collections.abc import Iterator

import pytest

from tests.authority import Issued
from tests.e2e.client import submit
from tests.e2e.conftest import ALICE, People
from tests.e2e.daemon import SUPPORT, Daemon, poll
from tests.e2e.sink import Mail, Sink
from tests.helpdesks import HELPDESKS
from tests.letters import encrypted, signed
from tests.openssl import Witness

every = pytest.mark.parametrize("name", HELPDESKS)


@pytest.fixture(scope="module")
def gateway(sink: Sink, people: People) -> Iterator[Daemon]:
    with Daemon({"outbound": sink.port, "inbound": sink.port}, workers=1) as daemon:
        people.introduce(daemon)
        yield daemon.start()


@pytest.fixture(scope="module")
def late(people: People) -> Issued:
    """A certificate of the helpdesk whose key nobody has imported yet."""
    return people.authority.leaf(SUPPORT, kind="rsa-2048")


def customer(name: str, number: int, *fields: str) -> bytes:
    head = [
        f"From: Alice <{ALICE}>",
        f"To: {SUPPORT}",
        f"Subject: Re: {HELPDESKS[name].subject}",
        f"Message-ID: <{number}.{name}@mail.example.com>",
        *HELPDESKS[name].answer(),
        *fields,
        "MIME-Version: 1.0",
        "",
    ]
    return "\r\n".join(head).encode()


def arrived(sink: Sink, name: bytes, value: bytes) -> Mail:
    """The one mail with that value in that field."""
    (mail,) = poll(lambda: [mail for mail in list(sink.mails) if mail.field(name.decode()) == value])
    return mail


@every
def test_out_and_back(name: str, gateway: Daemon, sink: Sink, people: People, witness: Witness) -> None:
    desk = HELPDESKS[name]
    assert submit(gateway.doors["outbound"], desk.mail(), ALICE).code == 250
    left = arrived(sink, b"message-id", desk.message_id.encode())
    assert left.field("from") == desk.author.encode()
    for field in desk.fields:
        key, _, value = field.partition(": ")
        assert left.field(key.lower()) == value.encode()
    opened = witness.decrypt(left.content, people.secret(ALICE))
    assert b"cid:logo@helpdesk" in witness.verify(opened, people.authority.root.pem())
    content = encrypted(customer(name, 1), people.issued[SUPPORT], entity=signed(people.issued[ALICE]))
    assert submit(gateway.doors["inbound"], content, SUPPORT, sender=ALICE).code == 250
    came = arrived(sink, b"message-id", f"<1.{name}@mail.example.com>".encode())
    assert (came.field("x-smime-gateway-encryption") or b"").startswith(b"decrypted;")
    assert (came.field("in-reply-to") or b"") == desk.message_id.encode()


def test_a_held_mail_comes_back_as_an_answer(gateway: Daemon, sink: Sink, late: Issued) -> None:
    """What the pages say of held mail: In-Reply-To and References name the first delivery, the subject is the same."""
    for name in HELPDESKS:
        content = encrypted(customer(name, 2), late)
        assert submit(gateway.doors["inbound"], content, SUPPORT, sender=ALICE).code == 250
        first = arrived(sink, b"message-id", f"<2.{name}@mail.example.com>".encode())
        assert (first.field("x-smime-gateway-encryption") or b"").startswith(b"failed;")
    gateway.import_(late.pem() + late.key_pem())
    for name, desk in HELPDESKS.items():
        again = arrived(sink, b"in-reply-to", f"<2.{name}@mail.example.com>".encode())
        assert (again.field("references") or b"").split()[-2:] == [
            desk.message_id.encode(),
            f"<2.{name}@mail.example.com>".encode(),
        ]
        assert again.field("subject") == f"Re: {desk.subject}".encode()
        assert (again.field("x-smime-gateway-encryption") or b"").startswith(b"decrypted;")
        assert again.field("x-smime-gateway-retry-of")
