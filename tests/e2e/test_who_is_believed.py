"""Who vouches for whom, through a running gateway: no authority for something else, and no person for another."""

from collections.abc import Iterator

import pytest

from tests.authority import SERVER_AUTH, Authority
from tests.e2e.client import submit
from tests.e2e.conftest import People
from tests.e2e.daemon import SUPPORT, Daemon
from tests.e2e.sink import Sink
from tests.inbound.made import TEXT, signed

ANNA, CHIEF = "anna@self.example", "chief@bank.example"


@pytest.fixture(scope="module")
def trusting(sink: Sink, people: People) -> Iterator[Daemon]:
    with Daemon({"outbound": sink.port, "inbound": sink.port}, workers=1) as daemon:
        people.introduce(daemon)
        yield daemon.start()


def verdict(daemon: Daemon, sink: Sink, id_: str, author: str, entity: bytes) -> bytes:
    """The beginning of the signature field of a mail that was delivered."""
    head = f"From: {author}\r\nTo: {SUPPORT}\r\nMessage-ID: <{id_}@believed.example>\r\nMIME-Version: 1.0\r\n"
    assert submit(daemon.doors["inbound"], head.encode() + entity, SUPPORT, sender=author).code == 250
    (mail,) = sink.wait(lambda mail: f"<{id_}@believed.example>".encode() in mail.content)
    field = mail.field("x-smime-gateway-signature") or b""
    return b";".join(field.split(b";")[:2])


def test_an_authority_for_servers_vouches_for_no_mail(trusting: Daemon, sink: Sink, people: People) -> None:
    for id_, usage, said in (("servers", (SERVER_AUTH,), b"policy; reason=wrong-usage"), ("mail", None, b"pass")):
        ca = people.authority.ca(f"For {id_}", issuer=people.authority.root, extended_key_usage=usage)
        leaf = people.authority.leaf(CHIEF, issuer=ca, kind="p256")
        assert verdict(trusting, sink, id_, CHIEF, signed(TEXT, leaf)).startswith(said)


def test_a_persons_own_certificate_vouches_for_her_alone(trusting: Daemon, sink: Sink) -> None:
    facts = {"kind": "p256", "ca": True, "key_usage": None, "extended_key_usage": None}
    anna = Authority().self_signed(ANNA, **facts)
    assert "a person's" in trusting.import_(anna.pem())
    assert verdict(trusting, sink, "anna", ANNA, signed(TEXT, anna)).startswith(b"pass")
    forged = Authority().leaf(CHIEF, issuer=anna, kind="p256")
    assert verdict(trusting, sink, "chief", CHIEF, signed(TEXT, forged)).startswith(b"policy; reason=no-path")
