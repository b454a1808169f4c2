"""A mail whose key arrives late: delivered as it came, held, opened after the import, delivered again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.store.held.message import redelivery_message_id
from tests.e2e.client import submit
from tests.e2e.conftest import People
from tests.e2e.daemon import SUPPORT, Daemon, poll
from tests.e2e.sink import Mail, Sink
from tests.letters import SECRET, encrypted, head

ALICE = "alice@customer.example"
DSN = ("NOTIFY=FAILURE", f"ORCPT=rfc822;{SUPPORT}")


@pytest.fixture
def far() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture
def gateway(far: Sink) -> Iterator[Daemon]:
    """A gateway without any key."""
    with Daemon({"inbound": far.port}) as daemon:
        yield daemon.start()


def again(mail: Mail) -> bool:
    return mail.field("x-smime-gateway-retry-of") is not None


def held(daemon: Daemon) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(daemon.run("held", "list", "--json"))
    return found


def arrive(daemon: Daemon, people: People, message_id: str, *fields: str) -> dict[str, Any]:
    """Send a mail that is encrypted to the helpdesk's key; return its record."""
    content = encrypted(head(*fields, message_id=message_id), people.issued[SUPPORT])
    answer = submit(daemon.doors["inbound"], content, SUPPORT, sender=ALICE, mail=("RET=FULL",), rcpt=DSN)
    assert answer.code == 250
    return daemon.record(message_id)


def test_a_key_that_comes_late_opens_the_mail_of_before(gateway: Daemon, far: Sink, people: People) -> None:
    record = arrive(gateway, people, "<late@customer.example>", "References: <root@example.org>")
    (first,) = far.by_id("<late@customer.example>")
    assert (first.field("x-smime-gateway-encryption") or b"").startswith(b"failed; reason=no-key")
    (kept,) = held(gateway)
    assert (kept["id"], kept["record_id"], kept["state"]) == (record["held"], record["id"], "waiting")
    assert SECRET not in gateway.log.encode()

    assert gateway.stop() == 0
    gateway.start()
    gateway.import_(people.secret(SUPPORT))
    (mail,) = far.wait(again)
    assert SECRET in mail.content
    assert mail.field("x-smime-gateway-retry-of") == record["id"].encode()
    assert (mail.field("x-smime-gateway-encryption") or b"").startswith(b"decrypted")
    assert mail.field("message-id") == redelivery_message_id(record["held"], "gw.example.org").encode()
    assert mail.field("in-reply-to") == b"<late@customer.example>"
    assert mail.field("references") == b"<root@example.org> <late@customer.example>"
    assert mail.field("subject") == first.field("subject")
    assert mail.recipients == (SUPPORT,)
    assert mail.rcpt == (f"TO:<{SUPPORT}> NOTIFY=NEVER",)
    assert mail.mail.startswith(f"FROM:<{ALICE}>")
    assert "RET=HDRS" in mail.mail

    poll(lambda: not held(gateway))
    records = [json.loads(row) for row in gateway.run("log", "--json").splitlines()]
    (second,) = [row for row in records if row["retry_of"] == record["id"]]
    assert (second["held"], second["verdict"]) == (record["held"], "relay")
    assert second["encryption"]["status"] == "decrypted"
    assert f"retry-of={record['id']}" in gateway.run("log")

    # It comes a second time, by another way round: it is known by its seal.
    assert submit(gateway.doors["inbound"], mail.content, SUPPORT, sender=ALICE).code == 250
    copies = far.wait(again, 2)
    assert copies[0].content == copies[1].content


def test_a_crash_before_our_mark_repeats_it_once_under_the_same_name(
    gateway: Daemon, far: Sink, people: People
) -> None:
    arrive(gateway, people, "<crash@customer.example>")
    far.hold()
    gateway.import_(people.secret(SUPPORT))
    far.wait(again)
    gateway.kill()
    far.release()
    gateway.start()
    first, second = far.wait(again, 2)
    assert first.field("message-id") == second.field("message-id")
    poll(lambda: not held(gateway))
    assert len(far.found(again)) == 2
