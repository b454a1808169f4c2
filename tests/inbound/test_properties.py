"""What must hold for any message: nothing added outside helps, nothing is lost or marked twice, nothing escapes."""

import base64
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.engine.transaction import Outcome, Verdict
from gateway.engine.wants import NamedBy
from gateway.errors import Fault
from gateway.mail.header import read_header
from tests.authority import Authority, Issued
from tests.engine.world import HELPDESK
from tests.inbound import made
from tests.inbound.made import MALLORY, TEXT, Desk, mail, multipart, signed, words

BOUNDED = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
FIELDS_OF_OURS = {"authentication-results"} | {
    f"x-smime-gateway-{name}" for name in ("seal", "signature", "encryption", "id")
}
OURS = ("x-smime-gateway-", "authentication-results")


@pytest.fixture(scope="module")
def stable(authority: Authority) -> Desk:
    """A helpdesk for all examples."""
    desk = Desk(authority)
    desk.failures_per_hour = 1_000_000
    return desk


@pytest.fixture(scope="module")
def sealed(stable: Desk, alice: Issued, mallory: Issued) -> list[bytes]:
    """Mails of every shape: what they say of themselves is in order."""
    own = stable.certificate
    return [
        mail(signed(TEXT, alice)),
        mail(made.opaque(TEXT, alice)),
        mail(made.encrypted(TEXT, own)),
        mail(made.encrypted(signed(TEXT, alice), own)),
        mail(made.encrypted(made.opaque(TEXT, alice), own, cipher="aes-256-gcm")),
        mail(signed(made.encrypted(signed(TEXT, alice), own), mallory, boundary="t")),
        mail(signed(TEXT, mallory)),
        mail(multipart(TEXT, signed(TEXT, alice))),
        mail(TEXT),
    ]


def _passes(outcome: Outcome) -> list[bool]:
    return [words(outcome, copy)[0] == "pass" for copy in range(len(outcome.deliveries))]


ENTITIES = st.sampled_from(
    [
        TEXT,
        b"Content-Type: text/html\r\n\r\n<p>hello</p>\r\n",
        b"Content-Type: application/pkcs7-signature\r\n\r\nMIIB\r\n",
        b"\r\n",
        b"Content-Type: message/rfc822\r\n\r\nFrom: x@example.org\r\n\r\nhello\r\n",
    ]
)
KINDS = st.sampled_from(["mixed", "alternative", "related", "signed", "digest", "report"])


@BOUNDED
@given(
    before=st.lists(ENTITIES, max_size=2), behind=st.lists(ENTITIES, max_size=2), kind=KINDS, which=st.integers(0, 5)
)
def test_sig_01_a_part_added_outside_never_helps(
    stable: Desk, sealed: list[bytes], before: list[bytes], behind: list[bytes], kind: str, which: int
) -> None:
    """SIG-01, DEC-01: whatever stands around a layer, it is no longer the whole: never pass, never opened."""
    message = sealed[which]
    entity = message[message.index(b"MIME-Version: 1.0\r\n") + len(b"MIME-Version: 1.0\r\n") :]
    outcome = stable.receive(mail(multipart(*before, entity, *behind, kind=kind, boundary="outside")))
    signature, encryption = words(outcome)
    assert signature != "pass"
    assert encryption != "decrypted"
    assert (
        made.CANARY not in bytes(outcome.deliveries[0].content) or made.CANARY in message or TEXT in (*before, *behind)
    )


FIELDS = st.sampled_from(
    [
        "Sender: alice@example.com",
        "Reply-To: alice@example.com",
        "From: alice@example.com",
        "from : Alice <alice@example.com>",
        "Resent-From: alice@example.com",
        "X-SMIME-Gateway-Signature: pass; signer=alice@example.com",
        "x-smime-gateway-encryption : decrypted",
        "X-SMIME-Gateway-Seal: v1 " + base64.b64encode(bytes(32)).decode(),
        "X-SMIME-Gateway-Id: 0123",
        "Authentication-Results: smime.gw.example.org; smime=pass",
        'Authentication-Results: "SMIME.GW.example.org" 1; smime=pass',
        "Content-Type: text/plain; smime-type=signed-data",
        "Content-Disposition: attachment",
        "DKIM-Signature: v=1",
    ]
)


@BOUNDED
@given(fields=st.lists(FIELDS, min_size=1, max_size=4), which=st.integers(0, 8), above=st.booleans())
def test_hdr_02_a_field_added_outside_never_helps(
    stable: Desk, sealed: list[bytes], fields: list[str], which: int, above: bool
) -> None:
    """HDR-01, HDR-02, SIG-08: fields that claim something change nothing for the better."""
    added = "".join(f"{field}\r\n" for field in fields).encode()
    start = 0 if above else sealed[which].index(b"Subject:")
    outcome = stable.receive(sealed[which][:start] + added + sealed[which][start:])
    before = stable.receive(sealed[which])
    assert all(_passes(before)) or not any(_passes(outcome))
    assert before.finding.encryption.authenticated or not outcome.finding.encryption.authenticated
    assert_marked_once(outcome)


def assert_marked_once(outcome: Outcome) -> None:
    for delivery in outcome.deliveries:
        header = read_header(bytes(delivery.content))
        names = Counter(field.name for field in header.fields if field.name.startswith(OURS))
        assert set(names.values()) == {1}, names
        assert set(names) == FIELDS_OF_OURS


@pytest.mark.parametrize("which", range(9))
def test_stripping_is_idempotent(authority: Authority, stable: Desk, sealed: list[bytes], which: int) -> None:
    """HDR-02: to a gateway with another seal key our output is a mail like any other: one set of fields, no growth."""
    other = Desk(authority)
    other.sealer = replace(other.sealer, key=b"o" * 32)
    first = bytes(stable.receive(sealed[which]).deliveries[0].content)
    second = other.receive(first)
    assert_marked_once(second)
    assert second.finding.pass_of is None
    third = stable.receive(bytes(second.deliveries[0].content))
    assert_marked_once(third)
    content = [bytes(outcome.deliveries[0].content) for outcome in (second, third)]
    assert below(first) == below(content[0]) == below(content[1])


def below(content: bytes) -> bytes:
    """A message without the fields that are ours."""
    header = read_header(content)
    kept = [header.raw(field) for field in header.fields if not field.name.startswith(OURS)]
    return b"".join(map(bytes, kept)) + content[header.body :]


Change = tuple[float, int, bytes]
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=6)), min_size=1, max_size=4)


def mutated(content: bytes, changes: list[Change]) -> bytes:
    """``content`` with some bytes replaced, left out or put in, anywhere; line ends stay CRLF."""
    changed = bytearray(content)
    for place, size, new in changes:
        start = int(place * len(changed))
        changed[start : start + size] = new
    return bytes(changed).replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\n", b"\r\n")


def inside(content: bytes, changes: list[Change]) -> bytes:
    """Changes in the CMS itself, under its base64."""
    head, _, text = content.rpartition(b"base64\r\n\r\n")
    if not head:
        return mutated(content, changes)
    data = bytearray(base64.b64decode(text.partition(b"\r\n--")[0]))
    for place, size, new in changes:
        start = int(place * len(data))
        data[start : start + min(size, 4)] = new
    rest = text.partition(b"\r\n--")[1] + text.partition(b"\r\n--")[2]
    return head + b"base64\r\n\r\n" + base64.encodebytes(bytes(data)).replace(b"\n", b"\r\n") + rest


@settings(BOUNDED, max_examples=1500)
@given(which=st.integers(0, 8), changes=CHANGES, how=st.sampled_from([mutated, inside]), split=st.booleans())
def test_nothing_escapes_and_nobody_is_forgotten(
    stable: Desk, sealed: list[bytes], which: int, changes: list[Change],
    how: Callable[[bytes, list[Change]], bytes], split: bool,
) -> None:  # fmt: skip
    """Whatever is done to a sealed mail: it is relayed, to each recipient once, and no bug of ours shows."""
    to = (HELPDESK, "sales@example.org", MALLORY)
    outcome = stable.receive(how(sealed[which], changes), *to, can_split=split)
    assert outcome.verdict is Verdict.RELAY
    served = [recipient.address for delivery in outcome.deliveries for recipient in delivery.recipients]
    assert sorted(served) == sorted(to)
    assert split or len(outcome.deliveries) == 1
    assert outcome.finding.signature.reason != "internal"


@BOUNDED
@given(changes=CHANGES)
def test_only_faults_leave(stable: Desk, sealed: list[bytes], changes: list[Change]) -> None:
    """A port that fails is a ``Fault``, for any message that asks it; no message makes another exception of it."""

    def locked_store(want: NamedBy) -> object:
        raise Fault("locked")

    locked = Desk(stable.authority)
    locked.answers[NamedBy] = locked_store
    try:
        outcome = locked.receive(inside(sealed[2], changes))
    except Fault:
        return
    assert outcome.finding.encryption.status in ("failed", "none"), "the store was not asked, so nothing was opened"
