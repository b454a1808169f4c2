"""What stands inside a layer, through the whole inbound side: nothing is lost, and its Subject is believed or not."""

import email
import email.message
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.engine.finding import ProtectedField
from gateway.engine.inbound import InboundRules
from gateway.engine.redelivery import as_answer
from gateway.engine.transaction import Outcome, Verdict
from gateway.mail.header import read_header
from gateway.milter.edits import edits
from tests.authority import Issued
from tests.inbound import made
from tests.inbound.made import ALICE, MALLORY, TEXT, Desk, mail, multipart, p7m, signed, words
from tests.milter.model import apply
from tests.openssl import openssl

Wrap = Callable[[bytes], bytes]


@pytest.fixture(
    params=["encrypted", "authenticated", "opaque", "compressed", "signed-encrypted", "encrypted-signed", "triple"]
)
def wrap(request: pytest.FixtureRequest, desk: Desk, alice: Issued) -> Wrap:
    own = desk.certificate
    makers: dict[str, Wrap] = {
        "encrypted": lambda content: made.encrypted(content, own),
        "authenticated": lambda content: made.encrypted(content, own, cipher="aes-256-gcm"),
        "opaque": lambda content: made.opaque(content, alice),
        "compressed": lambda content: p7m(made.compressed(zlib.compress(content))),
        "signed-encrypted": lambda content: made.encrypted(made.opaque(content, alice), own),
        "encrypted-signed": lambda content: signed(made.encrypted(content, own), alice),
        "triple": lambda content: made.opaque(made.encrypted(made.opaque(content, alice), own), alice),
    }
    return makers[request.param]


def read(outcome: Outcome) -> email.message.Message:
    """What Python's reader makes of the first copy."""
    return email.message_from_bytes(bytes(outcome.deliveries[0].content))


@pytest.mark.parametrize(
    ("content", "kind", "body"),
    [
        (b"PIN 4711\n", "text/plain", b"PIN 4711\r\n"),
        (b"Hello: team\r\nPIN: 4711\r\n", "text/plain", b"Hello: team\r\nPIN: 4711\r\n"),
        (b"\r\nPIN 4711\r\n", "text/plain", b"PIN 4711\r\n"),
        ("Grüße: 4711\r\n\r\nText\r\n".encode(), "text/plain", "Grüße: 4711\r\n\r\nText\r\n".encode()),
        (b"%PDF-1.7\n\0\r4711\n", "application/octet-stream", b"%PDF-1.7\n\0\r4711\n"),
        (b"Content-Hint: 4711\r\n\r\nText", "application/octet-stream", b"Content-Hint: 4711\r\n\r\nText"),
        (b"", "text/plain", b""),
    ],
)
def test_content_without_a_header_is_delivered(desk: Desk, wrap: Wrap, content: bytes, kind: str, body: bytes) -> None:
    outcome = desk.receive(mail(wrap(content)))
    found = read(outcome)
    assert (found.get_content_type(), found.get_payload(decode=True)) == (kind, body)
    assert "pass" in words(outcome)[0] or words(outcome)[0] in ("none", "policy partial")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b"Secret message 4711\n", ("-aes256",)),
        (b"Secret message 4711\n", ("-aes256", "-binary")),
        (b"Gr\xfc\xdfe\n", ("-aes-256-gcm",)),
        (bytes(range(256)) * 8, ("-aes128", "-binary")),
    ],
)
def test_what_a_script_encrypts_is_readable(desk: Desk, tmp_path: Path, text: bytes, options: tuple[str, ...]) -> None:
    """``echo text | openssl cms -encrypt``, and a file."""
    (tmp_path / "desk.pem").write_bytes(desk.certificate.pem())
    (tmp_path / "in").write_bytes(text)
    sealed = openssl("cms", "-encrypt", *options, "-in", "in", "desk.pem", folder=tmp_path)
    entity = sealed.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").removeprefix(b"MIME-Version: 1.0\r\n")
    found = read(desk.receive(mail(entity)))
    payload = found.get_payload(decode=True)
    assert isinstance(payload, bytes)
    if found.get_content_type() == "text/plain":
        payload, text = payload.replace(b"\r\n", b"\n"), text.replace(b"\r\n", b"\n")
    assert payload == text


def test_a_bare_cms_object_inside_is_a_layer(desk: Desk, alice: Issued) -> None:
    """Content decides: ``openssl cms -sign -outform DER | openssl cms -encrypt``."""
    bare = made.signature(TEXT, alice, opaque=True)
    outcome = desk.receive(mail(made.encrypted(bare, desk.certificate)))
    assert words(outcome) == ("pass", "decrypted")
    assert bytes(outcome.deliveries[0].content).endswith(b"\r\n\r\n" + made.CANARY + b"\r\n")


PIECE = st.sampled_from(
    [
        *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b"\xff", "ü".encode(), b" ", b"\t", b"x" * 999, b"--b", b"--b--"),
        *(b"Content-Type: text/plain", b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: message/rfc822"),
        *(
            b"Content-Transfer-Encoding: binary",
            b"; hp=cipher",
            b"Subject: ",
            b"=?utf-8?q?=0D?=",
            b"From: a@b",
            b"MIIB",
        ),
        *(b"Content-Type: application/pkcs7-mime", b"Content-Type: multipart/signed; boundary=b", b"Content-Type: ;"),
        *(b"Content-Type: @", b"Content-Transfer-Encoding: base64", b"a: @", b"@"),
    ]
)
LONG = b"; a=b" * 14_000
OCTETS = st.binary(max_size=100) | st.lists(PIECE, max_size=10).map(b"".join)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=OCTETS, encrypt=st.booleans(), clear=st.booleans())
def test_nothing_inside_is_an_error(desk: Desk, alice: Issued, content: bytes, encrypt: bool, clear: bool) -> None:
    """DEC-07: whatever a key produced, it goes on as anything else does, and no bug of ours shows."""
    desk.open_clear = clear
    content = content.replace(b"@", LONG)
    entity = made.encrypted(content, desk.certificate) if encrypt else made.opaque(content, alice)
    outcome = desk.receive(hidden(entity))
    assert outcome.verdict is Verdict.RELAY
    assert outcome.finding.signature.reason != "internal"
    (delivery,) = outcome.deliveries
    assert delivery.recode is not None
    for sent in (bytes(delivery.content), bytes(delivery.recode(delivery.content))):
        assert b"\n" not in sent.replace(b"\r\n", b"")
        assert b"\r" not in sent.replace(b"\r\n", b"")
        assert desk.receive(sent).finding.pass_of == "0123"


# the Subject

SUBJECT = "Invoice 4711"
FIELDS = f"Subject: {SUBJECT}\r\nFrom: {ALICE}\r\nTo: support@example.org\r\n"
HP = f'{FIELDS}HP-Outer: Subject: [...]\r\nContent-Type: text/plain; hp="cipher"\r\n\r\nText\r\n'.encode()
LEGACY = f'{FIELDS}Content-Type: text/plain; protected-headers="v1"\r\n\r\nText\r\n'.encode()
UNMARKED = f"{FIELDS}Content-Type: text/plain\r\n\r\nText\r\n".encode()


def subjects(outcome: Outcome) -> tuple[list[str], str | None]:
    """What a reader shows as Subject, all of them, and the one that we keep aside."""
    found = read(outcome)
    return found.get_all("Subject", []), found.get("X-SMIME-Gateway-Protected-Subject")


def hidden(entity: bytes, subject: str | None = "[...]") -> bytes:
    message = mail(entity)
    return message.replace(b"Subject: help\r\n", b"" if subject is None else f"Subject: {subject}\r\n".encode())


@pytest.mark.parametrize("payload", [HP, LEGACY, UNMARKED], ids=["hp", "legacy", "unmarked"])
@pytest.mark.parametrize("outer", ["[...]", "...", "", None])
def test_dec_11_a_protected_subject_takes_its_place_where_its_layer_is_vouched_for(
    desk: Desk, alice: Issued, mallory: Issued, payload: bytes, outer: str | None
) -> None:
    """DEC-11: whoever changed a ciphertext would get back, in the answer's Subject, what it became."""
    own = desk.certificate
    for entity, believed in (
        (made.encrypted(payload, own, cipher="aes-256-gcm"), True),
        (made.encrypted(signed(payload, alice), own), True),
        (made.encrypted(made.opaque(payload, alice), own), True),
        (signed(payload, alice), True),
        (made.opaque(payload, alice), True),
        (made.encrypted(payload, own), False),
        (signed(made.encrypted(payload, own), alice), False),
        (made.encrypted(signed(payload, mallory), own), False),
        (signed(payload, mallory), False),
        (p7m(made.compressed(zlib.compress(payload))), False),
    ):
        outcome = desk.receive(hidden(entity, outer))
        stays = [] if outer is None else [outer]
        assert subjects(outcome) == (([SUBJECT], None) if believed else (stays, SUBJECT))
        assert ProtectedField(name="Subject") in outcome.finding.protected
        assert SUBJECT not in repr(outcome.finding)
        again = desk.receive(bytes(outcome.deliveries[0].content))
        assert again.finding.pass_of == "0123"


@pytest.mark.parametrize("payload", [HP, LEGACY, UNMARKED], ids=["hp", "legacy", "unmarked"])
def test_who_sends_on_what_he_cannot_read_gets_no_subject_of_it_back(desk: Desk, alice: Issued, payload: bytes) -> None:
    """An authenticated envelope is genuine in anybody's mail; an automatic answer would quote its Subject to him."""
    without_from = payload.replace(f"From: {ALICE}\r\n".encode(), b"")
    for content in (payload, signed(payload, alice), signed(without_from, alice), made.opaque(without_from, alice)):
        entity = made.encrypted(content, desk.certificate, cipher="aes-256-gcm")
        for author in (MALLORY, f'"{ALICE}" <{MALLORY}>', f"{ALICE}, {MALLORY}"):
            sent_on = hidden(entity).replace(f"From: {ALICE}".encode(), f"From: {author}".encode())
            outcome = desk.receive(sent_on, sender=MALLORY)
            assert outcome.finding.encryption.authenticated
            assert subjects(outcome) == (["[...]"], SUBJECT)
        if payload is HP and content is not payload:
            continue  # such a signature must have From inside
        named = hidden(entity).replace(f"From: {ALICE}".encode(), f"From: Alice <{ALICE.upper()}>".encode())
        assert subjects(desk.receive(named)) == ([SUBJECT], None)


def test_a_clear_signed_message_keeps_everything_else(desk: Desk, alice: Issued) -> None:
    for payload in (HP, LEGACY):
        content = mail(signed(payload, alice), "Subject: second")
        outcome = desk.receive(content)
        sent = bytes(outcome.deliveries[0].content)
        rest = content.replace(b"Subject: help", b"Subject: Invoice 4711").replace(b"Subject: second\r\n", b"")
        assert sent.endswith(rest)
        assert words(outcome)[0] == "pass"
    plain = mail(signed(UNMARKED, alice))
    assert bytes(desk.receive(plain).deliveries[0].content).endswith(plain)


def test_the_outer_subject_where_it_is_wanted(desk: Desk, alice: Issued) -> None:
    desk.inbound_rules = InboundRules(protected_subject=False)
    assert subjects(desk.receive(hidden(signed(HP, alice)))) == (["[...]"], SUBJECT)
    same = HP.replace(SUBJECT.encode(), b"help")
    assert subjects(desk.receive(mail(signed(same, alice)))) == (["help"], None)


def test_an_unmarked_subject_inside_replaces_none_that_somebody_wrote(desk: Desk, alice: Issued) -> None:
    outcome = desk.receive(mail(made.encrypted(made.opaque(UNMARKED, alice), desk.certificate)))
    assert subjects(outcome) == (["help"], None)
    assert outcome.finding.protected == (ProtectedField(name="Subject"),)


def test_a_subject_outside_the_signature_is_not_believed(desk: Desk, alice: Issued) -> None:
    """The header of the multipart/signed is in the envelope, and in no signature: only the signed part's counts."""
    around = signed(made.TEXT, alice).replace(
        b"Content-Type: multipart/signed", b"Subject: forged\r\nContent-Type: multipart/signed; hp=cipher"
    )
    outcome = desk.receive(hidden(made.encrypted(around, desk.certificate)))
    assert words(outcome)[0] == "pass"
    assert subjects(outcome) == (["[...]"], None)


def test_fields_that_differ_are_in_the_record(desk: Desk, alice: Issued, mallory: Issued) -> None:
    """SIG-19: From decides the verdict, the others are told."""
    for author, status in ((ALICE, "pass"), (MALLORY, "policy address-mismatch")):
        payload = HP.replace(f"From: {ALICE}".encode(), f"From: {author}\r\nReply-To: bob@example.com".encode())
        outcome = desk.receive(mail(signed(payload, alice)))
        assert words(outcome)[0] == status
        told = {difference.name: (difference.inner, difference.outer) for difference in outcome.finding.protected}
        assert told.pop("Reply-To") == ("bob@example.com", None)
        assert told.pop("Subject") == (None, None)
        assert told == ({"From": (MALLORY, ALICE)} if author == MALLORY else {})


@pytest.mark.parametrize("clear", ["keep", "open"])
def test_a_subject_in_a_frame_that_does_not_hold_is_kept_aside(desk: Desk, alice: Issued, clear: str) -> None:
    desk.open_clear = clear == "open"
    broken = signed(HP, alice).replace(b"boundary=s", b"boundary=s; boundary=t")
    for entity in (broken, made.encrypted(broken, desk.certificate)):
        outcome = desk.receive(hidden(entity))
        assert words(outcome)[0] == "neutral malformed"
        assert subjects(outcome) == (["[...]"], SUBJECT)


def test_what_stays_closed_tells_nothing_of_what_is_inside(desk: Desk) -> None:
    outcome = desk.receive(hidden(made.encrypted(HP, desk.certificate, cipher="aes-256-gcm")), "sales@example.org")
    assert words(outcome)[1] == "failed not-addressed"
    assert subjects(outcome) == (["[...]"], None)
    assert outcome.finding.protected == ()


def test_a_forged_field_of_ours_inside_or_outside_goes(desk: Desk, alice: Issued) -> None:
    forged = "X-SMIME-Gateway-Protected-Subject: forged"
    payload = f"{forged}\r\n".encode() + HP
    for entity in (made.encrypted(payload, desk.certificate), signed(payload, alice), made.TEXT):
        outcome = desk.receive(mail(entity, forged))
        header = read_header(bytes(outcome.deliveries[0].content))
        assert b"forged" not in b"".join(header.raw(field) for field in header.fields)


def test_opaque_keep_shows_the_subject_and_keeps_the_rest(desk: Desk, alice: Issued) -> None:
    desk.open_opaque = False
    content = hidden(made.opaque(HP, alice))
    outcome = desk.receive(content)
    assert subjects(outcome) == ([SUBJECT], None)
    assert bytes(outcome.deliveries[0].content).endswith(content[content.index(b"Message-ID") :])


def test_a_protected_multipart_keeps_its_legacy_display_part(desk: Desk, alice: Issued) -> None:
    legacy = b'Content-Type: text/plain; protected-headers="v1"\r\nContent-Disposition: inline\r\n\r\nSubject: x\r\n'
    inner = multipart(legacy, made.TEXT, parameters='; protected-headers="v1"')
    payload = f"Subject: {SUBJECT}\r\n".encode() + inner
    outcome = desk.receive(hidden(made.encrypted(made.opaque(payload, alice), desk.certificate)))
    assert subjects(outcome) == ([SUBJECT], None)
    assert bytes(outcome.deliveries[0].content).endswith(inner.partition(b"\r\n\r\n")[2])


# clear: open


@pytest.fixture
def plain_desk(desk: Desk) -> Desk:
    """A helpdesk that wants no smime.p7s in its tickets."""
    desk.open_clear = True
    return desk


NOTICES = (
    b"This is an S/MIME signed message\r\n",
    b"This is a cryptographically signed message in MIME format.\r\n",
    b"Dies ist eine kryptografisch unterzeichnete Nachricht im MIME-Format.\r\n",
    b"",
)


def framed(entity: bytes, *, before: bytes = b"", behind: bytes = b"") -> bytes:
    """A clear-signed entity of ``made`` with something before its first and behind its last delimiter."""
    return entity.replace(b"\r\n\r\n", b"\r\n\r\n" + before, 1) + behind


@pytest.mark.parametrize("notice", NOTICES)
def test_a_clear_signed_root_is_replaced_by_its_content_whatever_its_status(
    plain_desk: Desk, alice: Issued, mallory: Issued, notice: bytes
) -> None:
    good = signed(made.TEXT, alice)
    broken = made.signed_data([made.signer_info(alice, made.attributes(made.TEXT), key=mallory.private_key)], [alice])
    for entity, status in (
        (good, "pass"),
        (signed(made.TEXT, mallory), "policy address-mismatch"),
        (made.clear(made.TEXT, broken), "fail bad-signature"),
        (made.clear(made.TEXT, b"no CMS"), "neutral malformed"),
        (b"Content-Type: text/plain\r\n" + good, "none"),
        (good.replace(b"boundary=s", b"boundary=s; boundary=t"), "neutral malformed"),
    ):
        content = mail(framed(entity, before=notice))
        outcome = plain_desk.receive(content)
        assert words(outcome)[0] == status
        if status == "none":
            assert bytes(outcome.deliveries[0].content).endswith(content), "to no reader it is clear-signed"
            continue
        assert read(outcome)["Content-Type"] == "text/plain; charset=utf-8"
        assert bytes(outcome.deliveries[0].content).endswith(b"\r\n\r\n" + made.CANARY + b"\r\n")
        assert plain_desk.receive(bytes(outcome.deliveries[0].content)).finding.pass_of == "0123"


def test_a_clear_signed_root_with_anything_else_in_it_stays(plain_desk: Desk, alice: Issued) -> None:
    good = signed(made.TEXT, alice)
    signature = made.p7m(made.signature(made.TEXT, alice), "application/pkcs7-signature")
    for entity in (
        framed(good, before=b"Call me: 4711\r\n"),
        framed(good, before=b"This message is signed.\r\n\r\nCall me: 4711\r\n"),
        framed(good, behind=b"Call me: 4711\r\n"),
        multipart(
            made.TEXT, made.TEXT, signature, kind="signed", parameters='; protocol="application/pkcs7-signature"'
        ),
        good.replace(b"--s--", b"Call me: 4711\r\n--s--"),
        multipart(made.TEXT, b"Content-Type: application/pgp-signature\r\n\r\nMIIB\r\n", kind="signed"),
        multipart(good, made.TEXT, boundary="t"),
        *(
            multipart(made.TEXT, part, kind="signed", parameters='; protocol="application/pkcs7-signature"')
            for part in (
                b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0x\r\n",
                b'Content-Type: text/plain; name="x.p7s"\r\n\r\nThis text is for you\r\n',
            )
        ),
    ):
        content = mail(entity)
        outcome = plain_desk.receive(content)
        assert bytes(outcome.deliveries[0].content).endswith(content)


def test_what_is_signed_clear_inside_a_layer_is_opened_where_the_layer_is(plain_desk: Desk, alice: Issued) -> None:
    inside = signed(made.TEXT, alice)
    for entity in (
        made.encrypted(inside, plain_desk.certificate),
        made.opaque(inside, alice),
        signed(inside, alice, boundary="t"),
        signed(made.encrypted(inside, plain_desk.certificate), alice, boundary="t"),
    ):
        outcome = plain_desk.receive(mail(entity))
        assert words(outcome)[0] == "pass"
        assert bytes(outcome.deliveries[0].content).endswith(b"\r\n\r\n" + made.CANARY + b"\r\n")
    plain_desk.open_opaque = False
    content = mail(made.opaque(inside, alice))
    assert bytes(plain_desk.receive(content).deliveries[0].content).endswith(content)


@pytest.mark.parametrize(
    ("part", "kind", "body"),
    [
        (b"\r\nPIN 4711\r\n", "text/plain", b"PIN 4711\r\n"),
        (b"PIN 4711", "text/plain", b"PIN 4711"),
        (b"Content-Type: application/pdf\r\n\r\na\0b", "application/pdf", b"a\0b"),
        (b"Content-Type: text/html\r\nrubbish\r\n\r\n4711", "application/octet-stream", None),
    ],
)
def test_nothing_of_a_signed_part_is_lost(
    plain_desk: Desk, alice: Issued, part: bytes, kind: str, body: bytes | None
) -> None:
    found = read(plain_desk.receive(mail(signed(part, alice))))
    assert (found.get_content_type(), found.get_payload(decode=True)) == (kind, body or part)


@pytest.mark.parametrize("layer", ["encrypted", "compressed", "opaque"])
def test_a_layer_inside_a_clear_signature_is_replaced_by_the_innermost_content(
    desk: Desk, alice: Issued, layer: str
) -> None:
    """With ``clear: keep``: else the helpdesk could not read it."""
    inner = {
        "encrypted": lambda: made.encrypted(made.TEXT, desk.certificate),
        "compressed": lambda: p7m(made.compressed(zlib.compress(made.TEXT))),
        "opaque": lambda: made.opaque(made.TEXT, alice),
    }[layer]()
    outcome = desk.receive(mail(signed(inner, alice)))
    assert bytes(outcome.deliveries[0].content).endswith(b"\r\n\r\n" + made.CANARY + b"\r\n")


# what else happens to such mail


def test_the_subject_of_a_message_that_is_delivered_again(desk: Desk, alice: Issued) -> None:
    held = as_answer(hidden(signed(HP, alice)), "<again@gw.example.org>", auto_submitted=False)
    outcome = desk.receive(held)
    assert subjects(outcome) == ([SUBJECT], None)
    assert read(outcome)["In-Reply-To"] == "<7@example.com>"


@pytest.mark.parametrize("outer", ["[...]", "", None])
@pytest.mark.parametrize("second", [(), ("Subject: second",)])
def test_a_mail_server_can_bring_the_subject_about(
    desk: Desk, alice: Issued, outer: str | None, second: tuple[str, ...]
) -> None:
    """SMT-13: as edits of the message it holds, folded Subjects too."""
    payload = HP.replace(SUBJECT.encode(), b"Invoice " + b"long " * 40 + b"4711")
    for entity in (signed(payload, alice), made.encrypted(signed(payload, alice), desk.certificate)):
        before = hidden(entity, outer).replace(
            b"Message-ID", "".join(f"{line}\r\n" for line in second).encode() + b"Message-ID"
        )
        outcome = desk.receive(before, can_split=False)
        after = bytes(outcome.deliveries[0].content)
        assert words(outcome)[0] == "pass"
        assert len(read(outcome).get_all("Subject", [])) == 1
        assert apply(before, after, edits(before, after)) == after
