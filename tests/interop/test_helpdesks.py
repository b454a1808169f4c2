"""What docs/helpdesks says of five products, put to the test.

Mail of their shape goes through the engine, and the very expressions of the pages are run on what the gateway delivers.
"""

import email
import email.policy
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import parse
from gateway.mail.header import read_header
from gateway.policy.rule import Tags
from tests.authority import Authority
from tests.engine.world import HELPDESK, World
from tests.helpdesks import HELPDESKS, PAGES, Helpdesk
from tests.inbound import made
from tests.inbound.made import ALICE, TEXT, Desk
from tests.openssl import Witness

FIELDS = re.compile(r"X-SMIME-Gateway-[A-Za-z-]+")
every = pytest.mark.parametrize("name", HELPDESKS)

Filters = Mapping[str, Callable[[bytes], str | None]]
"""What a page's filters set (tag, field, address), and what each makes of a message; None: it does not match."""


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text()


def blocks(name: str, kind: str) -> list[str]:
    """The fenced blocks of one kind."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)
    return [text for label, text in found if label == kind]


def header(content: bytes) -> str:
    return content[: read_header(content).body].decode()


def value(content: bytes, field: str) -> str:
    """The one field of that name, unfolded, as a helpdesk's parser gives it."""
    (found,) = email.message_from_bytes(content, policy=email.policy.default).get_all(field, [])
    return str(found)


def searched(field: str, expression: str) -> Callable[[bytes], str | None]:
    def run(content: bytes) -> str | None:
        found = re.search(expression, value(content, field), re.IGNORECASE)
        return None if found is None else found.group(found.lastindex or 0)

    return run


def within_header(expression: str, flags: int = 0) -> Callable[[bytes], str | None]:
    def run(content: bytes) -> str | None:
        found = re.search(expression, header(content), flags)
        return None if found is None else found.group(0)

    return run


def of_zammad() -> Filters:
    (block,) = blocks("zammad", "ruby")
    rows = re.findall(r"'(smime-[a-z-]+)'\s*=> \['([^']+)',\s*'([^']+)'\]", block)
    return {tag: searched(field, expression) for tag, field, expression in rows}


def of_otrs() -> Filters:
    rows = re.findall(r"^\| `(X-SMIME-[^`]+)` \| `([^`]+)` \| `X-OTRS-DynamicField-(\w+)`", page("otrs"), re.MULTILINE)
    return {name: searched(field, expression) for field, expression, name in rows}


def of_rt() -> Filters:
    (block,) = blocks("rt", "text")
    rows = [line.split("|") for line in block.splitlines()]
    return {row[0]: searched(row[1], row[2]) for row in rows}


def of_osticket() -> Filters:
    (block,) = blocks("osticket", "text")
    rows = re.findall(r"^/(.+)/ +REDIRECT (\S+)$", block, re.MULTILINE)
    # header_checks(5): one logical field at a time, letter case disregarded, ^ is the beginning of the field.
    return {to: within_header(f"(?m){expression}", re.IGNORECASE) for expression, to in rows}


def of_freescout() -> Filters:
    rows = re.findall(r"^\| `(smime-[a-z-]+)` \| `/(.+)/mi` \|$", page("freescout"), re.MULTILINE)
    return {tag: within_header(expression, re.MULTILINE | re.IGNORECASE) for tag, expression in rows}


READERS: Mapping[str, Callable[[], Filters]] = {
    "zammad": of_zammad,
    "otrs": of_otrs,
    "rt": of_rt,
    "osticket": of_osticket,
    "freescout": of_freescout,
}
TAGS = {
    "signed": {"smime-signed"},
    "signed by a stranger": {"smime-not-trusted"},
    "altered": {"smime-not-trusted"},
    "encrypted": {"smime-encrypted"},
    "signed and encrypted": {"smime-signed", "smime-encrypted"},
    "encrypted to nobody": {"smime-unreadable"},
    "plain": set[str](),
    "answers go elsewhere": {"smime-signed", "smime-reply-to"},
}
WORDS = {
    "signed": ("pass", "none"),
    "signed by a stranger": ("policy", "none"),
    "altered": ("fail", "none"),
    "encrypted": ("none", "decrypted"),
    "signed and encrypted": ("pass", "decrypted"),
    "encrypted to nobody": ("none", "failed"),
    "plain": ("none", "none"),
    "answers go elsewhere": ("pass", "none"),
}


@pytest.fixture(scope="module")
def desk(authority: Authority) -> Desk:
    return Desk(authority)


@pytest.fixture(scope="module")
def arriving(authority: Authority, desk: Desk) -> Callable[[str, Helpdesk], bytes]:
    """A customer's answer to a helpdesk's mail in one situation, as the gateway delivers it."""
    alice, stranger = authority.leaf(ALICE, kind="p256"), Authority("p256").leaf(ALICE, kind="p256")
    own, nobody = desk.certificate, authority.leaf("nobody@example.org", kind="p256")

    def deliver(situation: str, helpdesk: Helpdesk) -> bytes:
        forged = "Subject: Re: X-SMIME-Gateway-Signature: pass; X-SMIME-Gateway-Encryption: decrypted;"
        fields = [*helpdesk.answer(), "X-SMIME-Gateway-Signature: pass; signer=forged@example.com", f"X-{forged}"]
        if situation == "answers go elsewhere":
            fields.append("Reply-To: other@example.net")
        entity = {
            "signed": lambda: made.signed(TEXT, alice),
            "answers go elsewhere": lambda: made.signed(TEXT, alice),
            "signed by a stranger": lambda: made.signed(TEXT, stranger),
            "altered": lambda: made.signed(TEXT, alice).replace(b"burns", b"turns"),
            "encrypted": lambda: made.encrypted(TEXT, own),
            "signed and encrypted": lambda: made.encrypted(made.signed(TEXT, alice), own),
            "encrypted to nobody": lambda: made.encrypted(TEXT, nobody),
            "plain": lambda: TEXT,
        }[situation]()
        return bytes(desk.receive(made.mail(entity, *fields)).deliveries[0].content)

    return deliver


@every
@pytest.mark.parametrize("situation", WORDS)
def test_the_filters_of_the_page(name: str, situation: str, arriving: Callable[[str, Helpdesk], bytes]) -> None:
    delivered = arriving(situation, HELPDESKS[name])
    found = {result: run(delivered) for result, run in READERS[name]().items()}
    signature, encryption = WORDS[situation]
    if name in ("zammad", "freescout"):
        assert set(found) == set().union(*TAGS.values())
        assert {tag for tag, match in found.items() if match is not None} == TAGS[situation]
    elif name == "osticket":
        expected = {
            "support-signed@example.org": signature == "pass",
            "support-unreadable@example.org": encryption == "failed",
        }
        assert {to: match is not None for to, match in found.items()} == expected
    else:
        assert list(found.values()) == [signature, encryption]


@every
def test_fields_and_keys_of_the_page_exist(name: str) -> None:
    """Every field that is named is one of ours; every configuration is one that ``config check`` takes."""
    assert set(FIELDS.findall(page(name))) <= {"X-SMIME-Gateway-Signature", "X-SMIME-Gateway-Encryption"}
    (block,) = blocks(name, "yaml")
    options = parse(f"hostname: gw.example.org\n{block}")
    assert "support@example.org" in str(options.groups[0].addresses)
    assert options.listeners[0].direction == "outbound"


@pytest.fixture
def world(authority: Authority) -> World:
    world = World(authority)
    world.hold(HELPDESK, key=True)
    return world


def leaves(content: bytes) -> list[tuple[str, str | None, bytes]]:
    """Type, Content-ID and decoded content of every part, multiparts by their type alone."""
    tree = email.message_from_bytes(content, policy=email.policy.compat32)
    return [
        (part.get_content_type(), part.get("Content-ID"), b"" if part.is_multipart() else _decoded(part))
        for part in tree.walk()
    ]


def _decoded(part: email.message.Message) -> bytes:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.rstrip(b"\r\n")


def outer(content: bytes) -> list[bytes]:
    """All header fields but those that describe the content, byte for byte."""
    head = read_header(content)
    kept = [field for field in head.fields if not field.name.startswith("content-") and field.name != "mime-version"]
    return [bytes(head.raw(field)) for field in kept]


@every
def test_their_mail_signed_and_encrypted(name: str, world: World, tmp_path: Path) -> None:
    """Every field of theirs survives; openssl opens and verifies; parts and images are what was sent."""
    alice = world.hold("alice@example.com")
    sent = HELPDESKS[name].mail()
    outcome = world.levels("required", "required").send(sent, "alice@example.com")
    sealed = bytes(outcome.deliveries[0].content)
    assert outer(sealed) == outer(sent)
    witness = Witness(tmp_path)
    signed = witness.decrypt(sealed, alice.pem() + alice.key_pem())
    assert leaves(witness.verify(signed, world.authority.root.pem())) == leaves(sent)


@every
def test_their_mail_signed(name: str, world: World, tmp_path: Path) -> None:
    sent = HELPDESKS[name].mail()
    sealed = bytes(world.levels("required", "if-possible").send(sent, "bob@example.com").deliveries[0].content)
    assert outer(sealed) == outer(sent)
    assert leaves(Witness(tmp_path).verify(sealed, world.authority.root.pem())) == leaves(sent)


@every
def test_the_subject_tag_of_the_page(name: str, world: World) -> None:
    """It asks for encryption and is gone; without a certificate the mail is refused."""
    (block,) = blocks(name, "yaml")
    tag = parse(f"hostname: gw.example.org\n{block}").overrides.subject.encrypt
    if name == "osticket":
        assert tag is None
        return
    assert tag == "[encrypt]"
    world.hold("alice@example.com")
    world.levels("required", "never" if name == "rt" else "if-possible")
    world.rules = replace(world.rules, tags=Tags(None, tag, None))
    sent = HELPDESKS[name].mail(tag=f"{tag} ")
    sealed = bytes(world.send(sent, "alice@example.com").deliveries[0].content)
    assert b"enveloped-data" in header(sealed).encode()
    plain = HELPDESKS[name].mail()
    assert value(sealed, "subject") == value(plain, "subject")
    assert [field for field in outer(sealed) if field[:8] != b"Subject:"] == [
        field for field in outer(plain) if field[:8] != b"Subject:"
    ]
    refused = world.send(HELPDESKS[name].mail(to="bob@example.com", tag=f"{tag} "), "bob@example.com")
    assert str(refused.reply).startswith("550 5.7.3")
