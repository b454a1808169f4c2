"""What every recipe of ``config/postfix/`` must do, with the text that is shipped."""

import base64

import pytest

from tests.e2e.client import letter, submit
from tests.e2e.conftest import ALICE, People
from tests.e2e.daemon import SUPPORT, poll
from tests.e2e.recipes.mail import clear, names, sealed, value, values
from tests.e2e.recipes.milter import body_digest
from tests.e2e.recipes.stage import Stage
from tests.e2e.sink import Sink
from tests.letters import SECRET
from tests.openssl import Witness

pytestmark = pytest.mark.postfix

WAYS = [
    ("smarthost", "smtp"),
    ("content-filter", "smtp"),
    ("content-filter", "sendmail"),
    ("proxy-filter", "smtp"),
    ("proxy-filter", "sendmail"),
    ("pipe", "smtp"),
    ("pipe", "sendmail"),
    ("milter", "smtp"),
    ("milter", "sendmail"),
]
OUTBOUND = pytest.mark.parametrize(("stage", "way"), WAYS, indirect=["stage"])
DAEMONS = ["smarthost", "content-filter", "proxy-filter", "pipe", "milter"]
INBOUND = pytest.mark.parametrize("stage", [*DAEMONS, "process"], indirect=True)
WITH_DAEMON = pytest.mark.parametrize("stage", DAEMONS, indirect=True)
UNWANTED = "support+unwanted@example.org"
ON_TOP = {"received", "return-path", "dkim-signature", "authentication-results"}
"""What Postfix and the milters that were there put on top."""


@OUTBOUND
def test_mail_of_a_group_leaves_sealed(stage: Stage, way: str, sink: Sink, people: People, witness: Witness) -> None:
    sent = letter(body="Your ticket is solved.\r\n")
    stage.leaves(way, sent)
    (mail,) = sink.by_id(sent.id)
    inner = witness.decrypt(mail.content, people.secret(ALICE))
    assert b"Your ticket is solved." in witness.verify(inner, people.authority.root.pem())
    assert mail.recipients == (ALICE,)
    assert mail.mail.startswith(f"FROM:<{SUPPORT}>")
    record = stage.daemon.record(sent.id)
    assert (record["direction"], record["signature"]["status"]) == ("outbound", "signed")


@pytest.mark.parametrize(("stage", "way"), [way for way in WAYS if way[0] != "smarthost"], indirect=["stage"])
def test_who_signs_with_dkim_signs_what_leaves(stage: Stage, way: str, sink: Sink) -> None:
    """The smarthost recipe leaves that to the milters of main.cf."""
    sent = letter()
    stage.leaves(way, sent)
    (mail,) = sink.by_id(sent.id)
    assert [field.split()[-1] for field in values(mail.content, "dkim-signature")] == [body_digest(mail.content)]


@OUTBOUND
def test_other_mail_leaves_as_it_is(stage: Stage, way: str, sink: Sink) -> None:
    body = "Grüße\r\n..two dots\r\n.\tone\r\n trailing \r\n" + "x" * 900 + "\r\n\r\n\r\n"
    sent = letter("X-Odd:\tü  ", sender="stranger@example.org", body=body)
    stage.leaves(way, sent, sender="stranger@example.org")
    (mail,) = sink.by_id(sent.id)
    top, found, rest = mail.content.partition(sent.content)
    assert (found, rest) == (sent.content, b"")
    assert names(top) <= ON_TOP


@INBOUND
def test_arriving_mail_is_opened_and_tagged(stage: Stage, people: People) -> None:
    sent = sealed(people)
    assert stage.arrives(sent).code == 250
    content = stage.arrived(sent)
    assert SECRET in content
    assert value(content, "x-smime-gateway-encryption").startswith("decrypted")
    assert value(content, "x-smime-gateway-signature").startswith(f"pass; signer={ALICE}")
    ours = [result for result in values(content, "authentication-results") if "smime.gw.example.org" in result]
    assert len(ours) == 1
    assert "smime=pass" in ours[0]


@INBOUND
def test_the_dmarc_verdict_is_that_of_the_mail_as_it_came_and_stays(stage: Stage, people: People) -> None:
    upstream = "Authentication-Results: relay.example.net; dmarc=fail"
    sent = sealed(people, upstream)
    assert stage.arrives(sent).code == 250
    results = values(stage.arrived(sent), "authentication-results")
    assert "relay.example.net; dmarc=fail" in results
    verdicts = [result for result in results if result.startswith("mx.example.org; dmarc=pass")]
    if stage.name == "proxy-filter":
        assert verdicts == []
    else:
        assert [verdict.split()[-1] for verdict in verdicts] == [body_digest(sent.content)]


@INBOUND
def test_other_arriving_mail_is_only_tagged(stage: Stage) -> None:
    sent = letter("X-Odd:\tü  ", sender=ALICE, to=SUPPORT, body="Grüße\r\n..two\r\n.\tone\r\n trailing \r\n\r\n\r\n")
    assert stage.arrives(sent).code == 250
    top, found, rest = stage.arrived(sent).partition(sent.content)
    assert (found, rest) == (sent.content, b"")
    assert {name for name in names(top) if not name.startswith("x-smime-gateway-")} <= ON_TOP
    assert value(top + b"\r\n", "x-smime-gateway-signature") == "none"


@INBOUND
def test_outside_mail_with_our_from_is_not_signed_nor_obeyed(stage: Stage) -> None:
    """A group's From, its requests and our own results, sent by anybody: port 25 is the inbound door."""
    lies = ("X-SMIME-Gateway-Sign: required", "X-SMIME-Gateway-Encrypt: required")
    forged = ("X-SMIME-Gateway-Signature: pass; signer=ceo@example.org", "X-SMIME-Gateway-Retry-Of: 1")
    sent = letter(*lies, *forged, sender=SUPPORT, to=SUPPORT)
    assert stage.arrives(sent, sender=SUPPORT).code == 250
    content = stage.arrived(sent)
    assert content.endswith(sent.content.partition(b"MIME-Version:")[2])
    assert value(content, "x-smime-gateway-signature") == "none"
    for name in ("sign", "encrypt", "retry-of"):
        assert values(content, f"x-smime-gateway-{name}") == []
    if stage.name != "process":
        assert stage.daemon.record(sent.id)["direction"] == "inbound"


@INBOUND
def test_a_signature_over_8_bits_and_long_lines_reaches_us_unbroken(stage: Stage, people: People) -> None:
    entity = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + (
        "Grüße\r\n".encode() + b"x" * 3000 + b"\r\n"
    )
    sent = clear(people, entity=entity)
    assert stage.arrives(sent).code == 250
    assert value(stage.arrived(sent), "x-smime-gateway-signature").startswith("pass")


@WITH_DAEMON
def test_a_message_that_passes_twice(stage: Stage, people: People) -> None:
    sent = sealed(people)
    assert stage.arrives(sent).code == 250
    first = stage.arrived(sent)
    record = stage.daemon.record(sent.id)
    again = type(sent)(sent.id, first)
    assert stage.arrives(again).code == 250
    records = poll(lambda: stage.daemon.records(sent.id)[1:])
    assert [second["pass_of"] for second in records] == [record["id"]]
    if stage.name == "pipe":
        poll(lambda: stage.times(sent) == 2)
        return
    one, two = stage.sink.by_id(sent.id, 2)
    assert two.content.endswith(one.content)


@pytest.mark.parametrize("stage", ["smarthost", "process"], indirect=True)
def test_a_bounce_does_not_quote_what_was_opened(stage: Stage, people: People, sink: Sink) -> None:
    """Where one comes from before us. The client asked for the whole message back (RET=FULL)."""
    sent = sealed(people, "X-Exit: 65", to=UNWANTED)
    sink.dots[UNWANTED] = "554 5.7.1 Not this"
    envelope_sender = f"bounces-{stage.name}@example.net"
    assert stage.arrives(sent, UNWANTED, sender=envelope_sender, mail=("RET=FULL",)).code == 250
    bounce = sink.wait(lambda mail: mail.recipients == (envelope_sender,))[0]
    assert b"multipart/report" in (bounce.field("content-type") or b"")
    assert sent.id.encode() in bounce.content
    assert SECRET not in bounce.content
    assert base64.b64encode(SECRET)[:12] not in bounce.content


@pytest.mark.parametrize("stage", ["smarthost", "content-filter", "proxy-filter", "milter"], indirect=True)
def test_requests_for_notifications_survive(stage: Stage, sink: Sink) -> None:
    sent = letter()
    notify = ("NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;Orig@Example.com")
    answer = submit(stage.door, sent.content, ALICE, mail=("RET=HDRS", "ENVID=Ticket+2B42aB"), rcpt=notify)
    assert answer.code == 250
    (mail,) = sink.by_id(sent.id)
    assert {"RET=HDRS", "ENVID=Ticket+2B42aB"} <= set(mail.mail.split())
    assert set(notify) <= set(mail.rcpt[0].split())


@pytest.mark.parametrize("stage", ["smarthost", "content-filter", "proxy-filter", "pipe", "milter"], indirect=True)
def test_the_record_names_client_and_queue_id(stage: Stage) -> None:
    """A relay before port 25 tells of the client; the record has that, not Postfix's own address.

    No milter is told; before the queue there is no queue id.
    """
    sent = letter(sender=ALICE, to=SUPPORT)
    told = "NAME=mx.example.net ADDR=192.0.2.7 PROTO=ESMTP"
    assert submit(stage.ports[25], sent.content, SUPPORT, sender=ALICE, xforward=told).code == 250
    record = stage.daemon.record(sent.id)
    assert record["client"] == ("127.0.0.1" if stage.name == "milter" else "192.0.2.7")
    if stage.name == "proxy-filter":
        assert record["queue_id"] is None
    else:
        assert stage.postfix.logged(f"{record['queue_id']}: client=", "orig_client=mx.example.net[192.0.2.7]")


@pytest.mark.parametrize("stage", ["smarthost", "content-filter", "pipe"], indirect=True)
def test_mail_waits_while_the_gateway_is_down(stage: Stage, people: People) -> None:
    sent = sealed(people)
    stage.daemon.stop()
    try:
        assert stage.arrives(sent).code == 250
        poll(lambda: '"queue_name": "deferred"' in stage.postfix.queued())
    finally:
        stage.daemon.start()
    assert SECRET in stage.arrived(sent)
