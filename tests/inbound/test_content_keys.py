"""A content key opens one content: what comes again under it is the same, proves itself, or stays closed."""

import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.asn1 import der
from gateway.cms.enveloped import read_enveloped
from gateway.engine.inbound import InboundRules
from gateway.engine.transaction import Hold, Outcome, Verdict
from gateway.policy.rule import Group, Level, Rules
from gateway.reason import Reason
from tests.authority import Issued
from tests.cms import foreign
from tests.cms.surgery import BODY, put, streamed
from tests.engine.world import HELPDESK
from tests.inbound.content_key import CBC, GCM, OTHER, cbc, gcm, wrapped
from tests.inbound.made import TEXT, Desk, body, compressed, mail, p7m, signed, words

SALES = "sales@example.org"
OPENED, PROVEN, CLOSED = "decrypted", "decrypted", "failed key-reused"


def receive(desk: Desk, cms: bytes, *recipients: str, **options: Any) -> Outcome:
    return desk.receive(mail(p7m(cms)), *recipients, **options)


def encryption(outcome: Outcome, copy: int = 0) -> str:
    return words(outcome, copy)[1]


def stays_closed(desk: Desk, cms: bytes, earlier: str) -> None:
    """It is delivered as it came, held for somebody to decide, and its record names the other."""
    came = mail(p7m(cms))
    outcome = desk.receive(came, record="now")
    assert outcome.verdict is Verdict.RELAY
    assert words(outcome)[1] == CLOSED
    assert bytes(outcome.deliveries[0].content).endswith(came)
    assert outcome.hold == Hold(Reason.KEY_REUSED, frozenset(), unreadable=True)
    found = outcome.finding.encryption
    assert (found.status, found.reason, found.authenticated) == ("failed", "key-reused", False)
    assert found.detail.endswith(f"record {earlier}")
    assert found.key == desk.certificate.certificate.fingerprint


@pytest.fixture
def sales(desk: Desk) -> Issued:
    issued = desk.hold(SALES, key=True, kind="rsa-2048")
    desk.rules = Rules(groups=tuple(Group(to, (to,), Level("never"), Level("never")) for to in (HELPDESK, SALES)))
    return issued


def test_the_same_mail_opens_as_often_as_it_comes(desk: Desk) -> None:
    """Whoever sends it again, in whatever coding: to a second mailbox, after a 451, by a mailing list."""
    made = cbc(wrapped(desk.certificate))
    for cms in (made, made, streamed(made, 17)):
        assert encryption(receive(desk, cms)) == OPENED
    assert encryption(desk.receive(mail(p7m(made), "X-Other: field", author="bob@example.net"))) == OPENED


def test_another_content_under_the_same_wrapped_key_stays_closed(desk: Desk) -> None:
    info = wrapped(desk.certificate)
    assert encryption(receive(desk, cbc(info), record="first")) == OPENED
    stays_closed(desk, cbc(info, entity=OTHER), "first")
    assert encryption(receive(desk, cbc(info))) == OPENED


def test_a_fresh_wrapped_key_is_another(desk: Desk) -> None:
    assert encryption(receive(desk, cbc(wrapped(desk.certificate)))) == OPENED
    assert encryption(receive(desk, cbc(wrapped(desk.certificate), entity=OTHER))) == OPENED


def test_gcm_that_is_relabelled_stays_closed(desk: Desk) -> None:
    """Its blocks are no CBC; those that happen to end in padding would say what the counter blocks are."""
    info = wrapped(desk.certificate)
    genuine = gcm(info)
    assert encryption(receive(desk, genuine, record="first")) == PROVEN
    ciphertext = b"".join(map(bytes, read_enveloped(genuine).ciphertext))
    failed = 0
    for last in range(256):
        block = bytes((*ciphertext[:15], last))
        relabelled = foreign.envelope(info, (der.sequence(der.oid(CBC), der.octets(bytes(16))), block * 2, None))
        found = encryption(receive(desk, relabelled))
        assert found in (CLOSED, "failed decrypt-failed", "failed rate")
        failed += found != CLOSED
    assert failed
    desk.failures_per_hour = 1000
    stays_closed(desk, cbc(info, entity=OTHER), "first")


def test_what_an_aead_proves_is_opened_whatever_came_before(desk: Desk) -> None:
    info = wrapped(desk.certificate)
    assert encryption(receive(desk, cbc(info), record="first")) == OPENED
    outcome = receive(desk, gcm(info, entity=OTHER))
    assert (encryption(outcome), outcome.finding.encryption.authenticated) == (PROVEN, True)
    stays_closed(desk, cbc(info, entity=OTHER), "first")


def test_what_a_valid_signature_inside_proves_is_opened(desk: Desk, alice: Issued) -> None:
    info = wrapped(desk.certificate)
    assert encryption(receive(desk, cbc(info))) == OPENED
    outcome = receive(desk, cbc(info, entity=signed(OTHER, alice)))
    assert words(outcome) == ("pass", PROVEN)
    assert outcome.finding.encryption.authenticated
    assert b"Something else." in body(outcome)


def test_a_signature_that_is_not_valid_proves_nothing(desk: Desk, alice: Issued, mallory: Issued) -> None:
    info = wrapped(desk.certificate)
    assert encryption(receive(desk, cbc(info), record="first")) == OPENED
    stays_closed(desk, cbc(info, entity=signed(OTHER, mallory)), "first")
    stays_closed(desk, cbc(info, entity=signed(OTHER, alice).replace(b"else", b"more")), "first")


def test_a_signature_over_the_ciphertext_proves_nothing(desk: Desk, alice: Issued) -> None:
    info = wrapped(desk.certificate)
    assert encryption(receive(desk, cbc(info))) == OPENED
    outcome = desk.receive(mail(signed(p7m(cbc(info, entity=OTHER)), alice)))
    assert encryption(outcome) == CLOSED


def test_every_wrapped_key_of_ours_is_remembered(desk: Desk, sales: Issued) -> None:
    """Also those that were not used to open it, and whoever else the other mail names."""
    ours, theirs = wrapped(desk.certificate), wrapped(sales)
    assert encryption(receive(desk, cbc(ours, theirs), record="first")) == OPENED
    for infos in ([theirs], [theirs, wrapped(sales)], [wrapped(sales), theirs], [wrapped(desk.certificate), theirs]):
        other = cbc(*infos, entity=OTHER)
        assert encryption(receive(desk, other, HELPDESK, SALES)) in (CLOSED, "failed malformed")
    assert len(desk.content_keys.contents) == 2


def test_wrapped_keys_of_others_do_not_count(desk: Desk, alice: Issued) -> None:
    """Whoever encrypts to many may reuse what is none of ours; and what is not ours tells us nothing."""
    theirs = wrapped(alice)
    assert encryption(receive(desk, cbc(wrapped(desk.certificate), theirs))) == OPENED
    assert encryption(receive(desk, cbc(wrapped(desk.certificate), theirs, entity=OTHER))) == OPENED


@pytest.mark.parametrize("kind", ["rsa-2048", "p256", "x25519", "ml-kem-768"])
def test_every_way_to_wrap_a_key_counts(desk: Desk, kind: str) -> None:
    who = desk.hold(SALES, key=True, kind=kind)
    info = wrapped(who)
    assert encryption(receive(desk, cbc(info), SALES)) == OPENED
    assert encryption(receive(desk, cbc(info, entity=OTHER), SALES)) == CLOSED
    assert encryption(receive(desk, cbc(info), SALES)) == OPENED


def test_what_does_not_open_is_not_remembered(desk: Desk) -> None:
    """A broken copy that comes first takes nothing from the original."""
    info = wrapped(desk.certificate)
    genuine = cbc(info)
    broken = bytearray(genuine)
    broken[-1] ^= 1
    assert encryption(receive(desk, bytes(broken))) == "failed decrypt-failed"
    assert not desk.content_keys.contents
    assert encryption(receive(desk, genuine)) == OPENED


def test_content_that_is_over_a_limit_inside_was_opened_all_the_same(desk: Desk) -> None:
    info = wrapped(desk.certificate)
    assert receive(desk, cbc(info, entity=b"A: b\r\n" * 5000 + b"\r\n")).finding.encryption.status == "decrypted"
    assert encryption(receive(desk, cbc(info, entity=OTHER))) == CLOSED


def test_an_envelope_inside_another_counts_likewise(desk: Desk) -> None:
    """Mallory can encrypt to us: his own envelope around what he caught proves nothing of what is in it."""
    info = wrapped(desk.certificate)
    assert encryption(receive(desk, cbc(info), record="first")) == OPENED
    caught = cbc(info, entity=OTHER)
    fresh = bytes(32)
    for around in (cbc, gcm):
        stays_closed(desk, around(wrapped(desk.certificate, fresh), entity=p7m(caught), key=fresh), "first")
    squeezed = p7m(compressed(zlib.compress(p7m(caught))))
    stays_closed(desk, gcm(wrapped(desk.certificate, fresh), entity=squeezed, key=fresh), "first")
    assert encryption(desk.receive(mail(squeezed))) == CLOSED


def test_one_wrapped_key_may_not_open_two_layers(desk: Desk) -> None:
    info = wrapped(desk.certificate)
    assert encryption(receive(desk, cbc(info, entity=p7m(cbc(info))))) == CLOSED


def test_trying_a_message_out_asks_and_remembers_nothing(desk: Desk) -> None:
    info = wrapped(desk.certificate)
    desk.remembers = False
    assert encryption(receive(desk, cbc(info))) == OPENED
    assert encryption(receive(desk, cbc(info, entity=OTHER))) == OPENED
    desk.remembers = True
    assert encryption(receive(desk, cbc(info))) == OPENED
    desk.remembers = False
    assert encryption(receive(desk, cbc(info, entity=OTHER))) == CLOSED


def test_who_asks_for_it_by_name_gets_it(desk: Desk) -> None:
    info = wrapped(desk.certificate)
    assert encryption(receive(desk, cbc(info))) == OPENED
    outcome = receive(desk, cbc(info, entity=OTHER), asked=True)
    assert (encryption(outcome), outcome.hold) == (OPENED, None)
    assert not outcome.finding.encryption.authenticated
    assert b"Something else." in body(outcome)


def test_it_is_never_a_reason_to_refuse(desk: Desk) -> None:
    info = wrapped(desk.certificate)
    desk.inbound_rules = InboundRules(
        reject_undecryptable=True, reject_signature_fail=True, reject_signature_policy=True
    )
    assert encryption(receive(desk, cbc(info), record="first")) == OPENED
    stays_closed(desk, cbc(info, entity=OTHER), "first")


def test_readers_and_others_get_copies_of_their_own(desk: Desk, sales: Issued) -> None:
    """As where it had been opened: nobody sees by the copies what a key produced."""
    info = wrapped(desk.certificate)
    for entity, found in ((TEXT, OPENED), (OTHER, CLOSED)):
        outcome = receive(desk, cbc(info, entity=entity), HELPDESK, SALES)
        assert [[to.address for to in copy.recipients] for copy in outcome.deliveries] == [[HELPDESK], [SALES]]
        assert [encryption(outcome, copy) for copy in (0, 1)] == [found, "failed not-addressed"]


def test_where_mail_cannot_be_split_it_is_closed_for_all_and_held_alike(desk: Desk, sales: Issued) -> None:
    info = wrapped(desk.certificate)
    holds = []
    for entity in (TEXT, OTHER):
        outcome = receive(desk, cbc(info, entity=entity), HELPDESK, SALES, can_split=False)
        assert encryption(outcome) == "failed not-addressed"
        holds.append(outcome.hold)
    assert holds[0] == holds[1]


@given(st.data())
def test_a_change_anywhere_in_what_the_key_opens_is_another_content(data: st.DataObject) -> None:
    """Algorithm, parameters, ciphertext, attributes and tag; the wrapping of the key itself does not count."""
    info = der.tlv(0xA3, der.integer(0))
    algorithm, ciphertext, tag = der.sequence(der.oid(GCM), der.octets(bytes(12))), bytes(40), bytes(16)
    genuine = foreign.envelope(info, (algorithm, ciphertext, tag))
    part = data.draw(st.sampled_from(["vector", "oid", "ciphertext", "tag", "attributes", "kind"]))
    octets = data.draw(st.binary(min_size=1, max_size=40))
    if part == "vector":
        algorithm = der.sequence(der.oid(GCM), der.octets(octets + bytes(12)))
    elif part == "oid":
        algorithm = der.sequence(der.oid(CBC), der.octets(bytes(12)))
    elif part == "ciphertext":
        ciphertext = octets + bytes(40)
    elif part == "tag":
        tag = octets + bytes(16)
    changed = foreign.envelope(info, (algorithm, ciphertext, None if part == "kind" else tag))
    if part == "attributes":
        attribute = der.sequence(der.oid("1.2.3"), der.tlv(der.SET, der.octets(octets)))
        changed = put(genuine, (*BODY, 3), der.tlv(0xA1, attribute), der.octets(tag))
    assert read_enveloped(changed).digest != read_enveloped(genuine).digest
    assert read_enveloped(streamed(genuine, 17)).digest == read_enveloped(genuine).digest
