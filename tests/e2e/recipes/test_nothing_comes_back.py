"""Intercepted mail, changed and sent in, with a wish for every report: what comes back holds nothing of it (EFAIL).

And it is the same for an envelope that does not open, whether the helpdesk's server takes the mail or refuses it.
"""

import base64
import itertools
import re
from collections.abc import Callable

import pytest

from tests.authority import Issued
from tests.e2e.client import Letter
from tests.e2e.conftest import People
from tests.e2e.daemon import SUPPORT
from tests.e2e.recipes.mail import value
from tests.e2e.recipes.stage import Stage
from tests.e2e.sink import Mail, Sink
from tests.inbound.content_key import cbc, gcm, wrapped
from tests.inbound.made import p7m
from tests.letters import ENTITY, SECRET, head

pytestmark = pytest.mark.postfix

UNWANTED = "support+closed@example.org"
RECIPES = ["smarthost", "content-filter", "proxy-filter", "pipe", "milter"]
VECTOR = bytes(range(16))
"""The initialisation vector of every CBC envelope here."""
_numbers = itertools.count(1)
_SAID = re.compile(rb"(?mi)^(?:action|status|diagnostic-code): .*$")


def gadget(to: Issued) -> bytes:
    """A known first block, made into another by way of the vector: what was a type becomes the value of a field."""
    wanted = b"Content-xx001: x"
    vector = bytes(a ^ b ^ c for a, b, c in zip(VECTOR, ENTITY, wanted, strict=False))
    whole = cbc(wrapped(to), entity=ENTITY)
    assert whole.count(VECTOR) == 1
    return whole.replace(VECTOR, vector)


def genuine(to: Issued) -> bytes:
    """A whole envelope whose cipher authenticates itself: it cannot be changed, but sent in by anybody."""
    return gcm(wrapped(to), entity=ENTITY)


def broken(envelope: bytes) -> bytes:
    return envelope[:-1] + bytes([envelope[-1] ^ 1])


def letter(cms: bytes) -> Letter:
    message_id = f"<intercepted-{next(_numbers)}@customer.example>"
    return Letter(message_id, head("X-Exit: 65", message_id=message_id) + p7m(cms))


def reports(stage: Stage, sink: Sink, sent: Letter, to: str) -> list[Mail]:
    """Send a letter and return what its sender gets back."""
    sender = f"mallory-{stage.name}-{next(_numbers)}@example.net"
    # Where no DSN is offered nobody can ask for it.
    asked = ("NOTIFY=SUCCESS,FAILURE,DELAY",) if stage.name != "milter" else ()
    full = ("RET=FULL",) if stage.name != "milter" else ()
    answer = stage.arrives(sent, to, sender=sender, mail=full, rcpt=asked)
    if stage.name != "proxy-filter":
        assert answer.code == 250
    assert SECRET.decode() not in answer.text
    stage.done_with(sent, sender)
    return sink.found(lambda mail: sender in mail.recipients)


@pytest.mark.parametrize("stage", RECIPES, indirect=True)
@pytest.mark.parametrize("make", [gadget, genuine])
@pytest.mark.parametrize("wanted", [True, False])
def test_what_comes_back(
    stage: Stage, make: Callable[[Issued], bytes], wanted: bool, sink: Sink, people: People
) -> None:
    to = SUPPORT if wanted and stage.name != "pipe" else UNWANTED
    sink.dots[UNWANTED] = "554 5.7.1 Not this"
    envelope = make(people.issued[SUPPORT])
    sent = [letter(envelope), letter(broken(envelope))]
    found = [reports(stage, sink, each, to) for each in sent]
    statuses = [stage.daemon.record(each.id)["encryption"]["status"] for each in sent]
    assert statuses == ["decrypted", "failed"]
    if to == SUPPORT:
        opened, closed = (value(stage.arrived(each), "x-smime-gateway-encryption") for each in sent)
        assert opened.startswith("decrypted;")
        assert closed == "failed; reason=decrypt-failed"
    said = [[sorted(_SAID.findall(mail.content)) for mail in mails] for mails in found]
    assert said[0] == said[1]
    # The smarthost's mailbox server refused what had come, and the sender's own mail goes back to him.
    assert len(found[0]) == (1 if stage.name == "smarthost" and not wanted else 0)
    for mail in (*found[0], *sink.found(lambda mail: b"postmaster" in mail.content.lower())):
        if SUPPORT not in mail.recipients:
            assert SECRET not in mail.content
            assert base64.b64encode(SECRET)[:12] not in mail.content
            assert b"Content-xx001" not in mail.content
