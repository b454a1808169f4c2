"""The envelope on its way to Postfix: parameters, XFORWARD, refusals per recipient, sizes, loops."""

import pytest

from tests.e2e.client import Rough, letter, submit
from tests.e2e.conftest import ALICE, BOB
from tests.e2e.daemon import PLAIN, SUPPORT, Daemon
from tests.e2e.postfix import BUSY, DISLIKED, SMALL, UNKNOWN, Postfix
from tests.e2e.sink import Sink

pytestmark = pytest.mark.postfix


def test_dsn_parameters_arrive(relayed: Daemon, sink: Sink) -> None:
    """SMT-10: RET, ENVID, NOTIFY and ORCPT in the client's own spelling, also on copies made anew."""
    sent = letter(to=ALICE)
    answer = submit(
        relayed.doors["outbound"],
        sent.content,
        ALICE,
        BOB,
        mail=("RET=HDRS", "ENVID=Ticket+2B42aB"),
        rcpt=("NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;Orig@Example.com"),
    )
    assert answer.code == 250
    for mail in sink.by_id(sent.id, 2):
        assert "RET=HDRS" in mail.mail
        assert "ENVID=Ticket+2B42aB" in mail.mail
        assert "NOTIFY=FAILURE,DELAY" in mail.rcpt[0]
        assert "ORCPT=rfc822;Orig@Example.com" in mail.rcpt[0]


def test_postfix_sees_the_clients_own_xforward(relayed: Daemon, postfix: Postfix) -> None:
    sent = letter()
    attributes = "NAME=desk.example.org ADDR=192.0.2.7 PROTO=ESMTP HELO=desk IDENT=4ABCDEF SOURCE=REMOTE"
    assert submit(relayed.doors["outbound"], sent.content, ALICE, xforward=attributes).code == 250
    line = postfix.logged("orig_client=desk.example.org[192.0.2.7]")
    assert "orig_queue_id=4ABCDEF" in line
    assert relayed.record(sent.id)["queue_id"] == "4ABCDEF"


def test_postfix_is_told_of_a_client_that_forwards_nothing(relayed: Daemon, postfix: Postfix, sink: Sink) -> None:
    sent = letter(to=ALICE)
    assert submit(relayed.doors["outbound"], sent.content, ALICE, BOB).code == 250
    for mail in sink.by_id(sent.id, 2):
        queue_id = (mail.field("received") or b"").decode().partition("id ")[2].split()[0]
        assert "orig_client=unknown[127.0.0.1]" in postfix.logged(f"{queue_id}: client=")


@pytest.mark.parametrize(("address", "code", "text"), [(UNKNOWN, 550, "5.1.1"), (BUSY, 452, "4.2.2")])
def test_one_recipient_is_refused_the_other_served(
    address: str, code: int, text: str, relayed: Daemon, sink: Sink
) -> None:
    sent = letter(to=f"{ALICE}, {address}")
    answer = submit(relayed.doors["outbound"], sent.content, address, ALICE)
    assert answer.code == 250
    assert answer.refused[address][0] == code
    assert answer.refused[address][1].startswith(text)
    (mail,) = sink.by_id(sent.id)
    assert mail.recipients == (ALICE,)
    assert relayed.record(sent.id)["recipients"] == [ALICE]


def test_refusal_at_the_final_dot_passes_through(relayed: Daemon, sink: Sink) -> None:
    """REL-03: Postfix's own words, for one copy and for several, of which none was delivered."""
    for recipients in ((ALICE,), (ALICE, BOB)):
        sent = letter(to=ALICE)
        answer = submit(relayed.doors["outbound"], sent.content, *recipients, sender=DISLIKED)
        assert answer.code == 554
        assert answer.text.startswith("5.7.1")
        assert "Not this content" in answer.text
        assert not sink.found(lambda mail, wanted=sent.id: mail.field("message-id") == wanted.encode())  # type: ignore[misc]


def test_declared_size_is_refused_at_once(relayed: Daemon) -> None:
    answer = submit(relayed.doors["small"], letter().content, ALICE, mail=(f"SIZE={SMALL}",))
    assert (answer.code, answer.text[:5]) == (552, "5.3.4")


def test_undeclared_size_is_refused_at_the_dot(relayed: Daemon) -> None:
    sent = letter(body="0123456789abcdef\r\n" * 5000)
    answer = submit(relayed.doors["small"], sent.content, ALICE)
    assert (answer.code, answer.text[:5]) == (552, "5.3.4")


@pytest.mark.parametrize("recipients", [(ALICE,), (ALICE, BOB)])
def test_message_that_grows_too_large(recipients: tuple[str, ...], relayed: Daemon) -> None:
    """The text names both sizes."""
    sent = letter(body=bytes(range(128, 256)) * 500 + b"\r\n")
    answer = submit(relayed.doors["small"], sent.content, *recipients)
    assert (answer.code, answer.text[:5]) == (552, "5.3.4")
    assert f"{len(sent.content)} bytes became" in answer.text
    assert f"takes {SMALL}" in answer.text


def test_internationalised_address(relayed: Daemon, sink: Sink) -> None:
    sent = letter(to="grüße@example.com")
    answer = submit(relayed.doors["outbound"], sent.content, "grüße@example.com", mail=("SMTPUTF8", "BODY=8BITMIME"))
    assert answer.code == 250
    (mail,) = sink.by_id(sent.id)
    assert mail.recipients == ("grüße@example.com",)
    assert "SMTPUTF8" in mail.mail


def test_internationalised_address_without_smtputf8(relayed: Daemon) -> None:
    with Rough(relayed.doors["outbound"]) as client:
        client.reply()
        client.say("EHLO desk.example.org")
        client.say(f"MAIL FROM:<{PLAIN}>")
        assert client.say("RCPT TO:<grüße@example.com>").startswith("550 5.6.7")


def test_a_refusal_at_the_dot_leaves_nothing_behind(relayed: Daemon, sink: Sink) -> None:
    """Postfix keeps such a transaction open: the next message on that connection must not pay for it."""
    for _ in range(6):
        assert submit(relayed.doors["outbound"], letter().content, sender=DISLIKED).code == 554
        sent = letter()
        assert submit(relayed.doors["outbound"], sent.content).code == 250
        assert len(sink.by_id(sent.id)) == 1


def test_too_many_received_fields(relayed: Daemon) -> None:
    """SMT-06: a hundred and one hops are a loop."""
    honest = letter(*["Received: from a by b; Mon, 01 Jun 2026 10:00:00 +0000"] * 40, sender=PLAIN)
    assert submit(relayed.doors["outbound"], honest.content, ALICE, sender=PLAIN).code == 250
    looping = letter(*["Received: from a by b; Mon, 01 Jun 2026 10:00:00 +0000"] * 101, sender=PLAIN)
    answer = submit(relayed.doors["outbound"], looping.content, ALICE, sender=PLAIN)
    assert (answer.code, answer.text[:5]) == (554, "5.4.6")


def test_inbound_door_removes_forged_results_only(relayed: Daemon, sink: Sink) -> None:
    forged = (
        "X-SMIME-Gateway-Signature: pass; signer=ceo@example.com",
        "x-smime-gateway-Encryption : decrypted",
        "Authentication-Results: smime.gw.example.org;\r\n smime=pass",
    )
    kept = "Authentication-Results: mx.example.org; dkim=pass"
    sent = letter(*forged, kept, sender="ceo@example.com", to=SUPPORT, body="Grüße\r\n..\r\n")
    answer = submit(relayed.doors["inbound"], sent.content, SUPPORT, sender="ceo@example.com", mail=("BODY=8BITMIME",))
    assert answer.code == 250
    (mail,) = sink.by_id(sent.id)
    expected = sent.content
    for field in forged:
        expected = expected.replace(field.encode() + b"\r\n", b"")
    assert mail.content.endswith(expected)
    assert relayed.record(sent.id)["direction"] == "inbound"
