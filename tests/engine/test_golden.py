"""The golden mail of fixtures/mail: each message once through the engine, its outcome held against the file beside it.

What was sealed is opened by the ``openssl`` command and compared with what went in, part by part.
"""

import email
import email.policy
import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.engine.transaction import Outcome
from gateway.mail.header import read_header
from gateway.policy.rule import Group, Level, Rules, Tags
from tests.authority import Authority
from tests.engine.world import HELPDESK, World
from tests.openssl import Witness

FIXTURES = Path(__file__).parents[2] / "fixtures" / "mail"
OWN_FIELDS = re.compile(rb"(?im)^x-smime-gateway-[^\n]*\n")
"""Python's parser stops at a blank before a colon; the gateway does not."""
CASES = sorted(FIXTURES.glob("*.yaml"))


def test_there_are_fixtures() -> None:
    assert len(CASES) >= 40
    assert {case.stem for case in CASES} == {mail.stem for mail in FIXTURES.glob("*.eml")}


def rules_of(spec: dict[str, Any]) -> Rules:
    given = dict(spec.get("rules", {"sign": "required", "encrypt": "never"}))
    group = Group("support", (HELPDESK,), Level(given.pop("sign")), Level(given.pop("encrypt")))
    tags = Tags(**given.pop("tags", {}))
    return Rules(groups=(group,), tags=tags, **given)


@pytest.fixture(scope="module")
def world(authority: Authority) -> World:
    world = World(authority)
    world.hold(HELPDESK, key=True)
    for address in ("alice@example.com", "hidden@example.com"):
        world.hold(address)
    return world


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_golden(case: Path, world: World, tmp_path: Path) -> None:
    spec = yaml.safe_load(case.read_text())
    content = case.with_suffix(".eml").read_bytes()
    world.rules = rules_of(spec)
    recipients = spec.get("recipients", ["alice@example.com"])
    outcome = world.send(content, *recipients, sender=spec.get("sender", HELPDESK))
    check(spec["expect"], content, outcome, world, Witness(tmp_path))


def check(expect: dict[str, Any], content: bytes, outcome: Outcome, world: World, witness: Witness) -> None:
    assert outcome.verdict == expect["verdict"]
    if "reply" in expect:
        assert str(outcome.reply).startswith(expect["reply"])
        assert outcome.deliveries == ()
        return
    copies = [[recipient.address for recipient in delivery.recipients] for delivery in outcome.deliveries]
    assert copies == expect.get("copies", [["alice@example.com"]])
    for delivery, (address, *_) in zip(outcome.deliveries, copies, strict=True):
        made = bytes(delivery.content)
        if expect.get("unchanged"):
            assert made == content
            continue
        check_frame(expect, content, made)
        check_layers(expect, content, made, world, witness, address)


def check_frame(expect: dict[str, Any], content: bytes, made: bytes) -> None:
    """Fields that are not ours to change stay byte for byte and in order; MIME-Version is there once."""
    for absent in (*expect.get("without", ()), "X-SMIME-Gateway"):
        assert absent.lower().encode() not in made.lower()
    header = read_header(made)
    assert len(header.named("content-type")) == 1 or expect.get("signed") == "no"
    if expect.get("signed") in ("clear", "opaque") or expect.get("encrypted"):
        assert len(header.named("mime-version")) == 1
    if "subject" in expect:
        (subject,) = header.named("subject")
        assert header.text(subject) == expect["subject"]
    assert outside(made, expect) == outside(content, expect)


def outside(content: bytes, expect: dict[str, Any]) -> list[bytes]:
    header = read_header(content)
    ours = ("mime-version", "bcc", *(("subject",) if "subject" in expect else ()))
    return [
        header.raw(field)
        for field in header.fields
        if not field.name.startswith(("content-", "x-smime-gateway-")) and field.name not in ours
    ]


def check_layers(
    expect: dict[str, Any], content: bytes, made: bytes, world: World, witness: Witness, address: str
) -> None:
    if expect.get("encrypted"):
        assert b"smime-type=enveloped-data" in made
        issued = world.issued[address]
        made = witness.decrypt(made, issued.pem() + issued.key_pem())
    signed = expect.get("signed", "no")
    if signed in ("clear", "already"):
        assert b"multipart/signed" in made.partition(b"\r\n\r\n")[0]
    elif signed == "opaque":
        assert b"smime-type=signed-data" in made.partition(b"\r\n\r\n")[0]
    if signed in ("clear", "opaque"):
        check_lines(made)
        made = witness.verify(made, world.authority.root.pem())
    if signed != "already":
        assert leaves(made) == leaves(OWN_FIELDS.sub(b"", content))
    if expect.get("content") == "as it came":
        assert made.partition(b"\r\n\r\n")[2] == content.partition(b"\r\n\r\n")[2]


def check_lines(message: bytes) -> None:
    """OUT-06: the signed part is 7-bit, CRLF only, short lines, no transport traps."""
    body = message[read_header(message).body :]
    assert body.isascii()
    assert b"\0" not in body
    assert b"\n" not in body.replace(b"\r\n", b"")
    lines = body.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(line.startswith(b"From ") or line.endswith((b" ", b"\t")) for line in lines)


def leaves(content: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded content of every leaf, read by Python's own parser; a final line end does not count."""
    tree: EmailMessage = email.message_from_bytes(content, policy=email.policy.compat32)  # type: ignore[assignment]
    return [
        (part.get_content_type(), (part.get_payload(decode=True) or b"").removesuffix(b"\r\n"))
        for part in tree.walk()
        if not part.is_multipart()
    ]
