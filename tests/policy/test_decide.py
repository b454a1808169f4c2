"""Every rule of outbound policy, one test each: levels, wishes, unknown senders, already protected, copies."""

from dataclasses import replace
from ipaddress import ip_network

import pytest
from cryptography import x509

from gateway.cms.parameter import capabilities
from gateway.pki.holding import Origin
from gateway.policy.question import Wishes
from gateway.policy.rule import Group, Level, ReplyRule, Submitters
from gateway.policy.wants import Lookup
from gateway.reason import Reason
from tests.policy.conftest import AT, DAY, Make, World

REFUSED_PROTECTION = ("5.7.3", 550)


def refusal(decision) -> tuple[str, int]:
    assert decision.reply is not None
    return decision.reply.lines[0].split()[0], decision.reply.code


def protection(decision) -> tuple[bool, bool]:
    assert decision.reply is None
    return decision.signer is not None, any(copy.certificates for copy in decision.copies)


# --- exempt ---


def test_an_exempt_type_is_left_alone_only_where_nothing_is_asked_or_required(world: World) -> None:
    decision = world.ask(exempt=True)
    assert protection(decision) == (False, False)
    assert (decision.sign_reason, decision.encrypt_reason) == (Reason.EXEMPT, Reason.EXEMPT)
    assert protection(world.ask(exempt=True, wishes=Wishes(encrypt=Level.IF_POSSIBLE))) == (False, True)
    assert protection(world.levels("required", "required").ask(exempt=True)) == (True, True)
    group = replace(world.levels("never", "if-possible").rules.groups[0], replies=ReplyRule.REQUIRE)
    world.rules = replace(world.rules, groups=(group,))
    assert protection(world.ask(exempt=True, answers=ReplyRule.IGNORE)) == (False, True)


# --- levels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", ["never", "if-possible", "required"])
@pytest.mark.parametrize("encrypt", ["never", "if-possible", "required"])
def test_what_is_possible_is_done_unless_never(world: World, sign: str, encrypt: str) -> None:
    decision = world.levels(sign, encrypt).ask()
    assert protection(decision) == (sign != "never", encrypt != "never")
    assert decision.sign_reason == (Reason.POLICY_NEVER if sign == "never" else None)
    assert decision.encrypt_reason == (Reason.POLICY_NEVER if encrypt == "never" else None)


@pytest.mark.parametrize("sign", ["never", "if-possible", "required"])
@pytest.mark.parametrize("encrypt", ["never", "if-possible", "required"])
def test_without_any_certificate_only_required_refuses(world: World, sign: str, encrypt: str) -> None:
    world.holdings.clear()
    decision = world.levels(sign, encrypt).ask()
    if "required" in (sign, encrypt):
        assert refusal(decision) == REFUSED_PROTECTION
        assert decision.copies == ()
    else:
        assert protection(decision) == (False, False)
        assert decision.untouched


def test_the_refusal_names_reason_and_addresses(world: World) -> None:
    decision = world.levels("never", "required").ask(recipients=("alice@example.com", "carol@example.com"))
    (line,) = decision.reply.lines
    assert line.startswith("5.7.3 no-certificate:")
    assert "carol@example.com (no-certificate)" in line
    assert "alice@example.com" not in line


def test_a_refusal_fits_a_reply_line_whatever_the_number_of_recipients(world: World) -> None:
    many = tuple(f"{'x' * 50}{n}@example.net" for n in range(500))
    decision = world.levels("never", "required").ask(recipients=many)
    assert len(decision.reply.encode()) <= 512
    assert "more" in decision.reply.lines[0]


def test_signing_refusal_names_the_sender(world: World) -> None:
    world.holdings.pop("support@example.org")
    decision = world.levels("required", "never").ask()
    assert "support@example.org (no-certificate)" in decision.reply.lines[0]


def test_the_rule_that_won_is_named(world: World) -> None:
    decision = world.levels("required", "if-possible").ask(wishes=Wishes(encrypt=Level.NEVER))
    assert decision.rule == "group support: sign required (group support), encrypt never (message)"


# --- wishes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", list(Level))
def test_a_wish_stands_in_the_place_of_the_default(world: World, wish: Level) -> None:
    decision = world.levels("if-possible", "if-possible").ask(wishes=Wishes(sign=wish))
    assert protection(decision)[0] == (wish is not Level.NEVER)
    assert decision.sign_reason == (Reason.OVERRIDE if wish is Level.NEVER else None)


def test_a_wish_raises_never(world: World) -> None:
    decision = world.levels("never", "never").ask(wishes=Wishes(Level.REQUIRED, Level.IF_POSSIBLE))
    assert protection(decision) == (True, True)


def test_an_override_never_weakens_required(world: World) -> None:
    decision = world.levels("required", "required").ask(wishes=Wishes(Level.NEVER, Level.NEVER))
    assert protection(decision) == (True, True)


@pytest.mark.parametrize("wishes", [Wishes(sign=Level.REQUIRED), Wishes(encrypt=Level.REQUIRED)])
def test_a_required_wish_that_cannot_be_honoured_is_refused(world: World, wishes: Wishes) -> None:
    world.holdings.clear()
    assert refusal(world.ask(wishes=wishes)) == REFUSED_PROTECTION
    assert refusal(world.ask(wishes=wishes, author="stranger@example.net")) == REFUSED_PROTECTION
    world.rules = replace(world.rules, enabled=False)
    decision = world.ask(wishes=wishes)
    assert refusal(decision) == REFUSED_PROTECTION
    assert decision.sign_reason is Reason.NOT_ENABLED


def test_an_unknown_wish_is_refused(world: World) -> None:
    decision = world.ask(wishes=Wishes(unknown="X-SMIME-Gateway-Sign"))
    assert decision.reply.code == 550
    assert "override" in decision.reply.lines[0]
    assert "X-SMIME-Gateway-Sign" in decision.reply.lines[0]


def test_switched_off_relays_even_what_a_group_requires(world: World) -> None:
    world.levels("required", "required").rules = replace(world.rules, enabled=False)
    decision = world.ask()
    assert decision.untouched
    assert decision.encrypt_reason is Reason.NOT_ENABLED


# --- senders --------------------------------------------------------------------------------------------------------


def test_an_unknown_sender_is_relayed_as_it_is(world: World) -> None:
    decision = world.levels("required", "required").ask(author="stranger@example.net")
    assert decision.untouched
    assert decision.sign_reason is Reason.UNKNOWN_SENDER


def test_an_unknown_sender_may_be_rejected_but_never_the_null_sender(world: World) -> None:
    world.rules = replace(world.rules, reject_unknown_sender=True)
    assert refusal(world.ask(author="stranger@example.net")) == ("5.7.1", 550)
    assert world.ask(author="stranger@example.net", sender="").untouched
    assert refusal(world.ask(author=None, claimed=("stranger@example.net",))) == ("5.7.1", 550)


def test_no_usable_from_is_refused_where_a_group_is_claimed(world: World) -> None:
    decision = world.ask(author=None, claimed=("stranger@example.net", "Support@example.org"))
    assert refusal(decision) == REFUSED_PROTECTION
    assert decision.sign_reason is Reason.FROM_AMBIGUOUS


def test_no_usable_from_of_a_stranger_is_an_unknown_sender(world: World) -> None:
    decision = world.ask(author=None, sender="stranger@example.net", claimed=("stranger@example.net",))
    assert decision.untouched
    assert decision.sign_reason is Reason.UNKNOWN_SENDER


def test_out_08_a_client_that_is_no_submitter_of_the_group_is_refused(world: World) -> None:
    """OUT-08: helpdesk A cannot send as group B."""
    submitters = Submitters((ip_network("10.1.0.0/16"),), frozenset({"helpdesk-b"}))
    world.rules = replace(world.rules, groups=(replace(world.rules.groups[0], submitters=submitters),))
    assert refusal(world.ask(client="10.2.0.1")) == ("5.7.1", 550)
    assert refusal(world.ask(client="10.2.0.1", login="helpdesk-a")) == ("5.7.1", 550)
    assert refusal(world.ask(client=None)) == ("5.7.1", 550)
    assert protection(world.ask(client="10.1.2.3")) == (True, True)
    assert protection(world.ask(client="10.2.0.1", login="helpdesk-b")) == (True, True)
    assert protection(world.ask(client=None, local=True)) == (True, True)


def test_the_first_group_that_matches_wins(world: World) -> None:
    first = Group("vip", ("ceo@example.org",), Level.NEVER, Level.NEVER)
    everybody = Group("all", ("@example.org",), Level.IF_POSSIBLE, Level.NEVER)
    world.rules = replace(world.rules, groups=(first, everybody, *world.rules.groups))
    assert world.ask(author="ceo@example.org").group == "vip"
    assert world.ask(author="support@example.org").group == "all"
    assert world.ask(author="x@sub.example.org").group is None


@pytest.mark.parametrize("author", ["SUPPORT@Example.ORG", "support+ticket-42@example.org"])
def test_group_addresses_fold_case_and_detail(world: World, author: str) -> None:
    assert world.ask(author=author).group == "support"


def test_exact_local_parts_and_no_delimiter(world: World) -> None:
    world.rules = replace(world.rules, fold=False, delimiter="")
    assert world.ask(author="support@EXAMPLE.org").group == "support"
    assert world.ask(author="SUPPORT@example.org").group is None
    assert world.ask(author="support+ticket-42@example.org").group is None


ROUTES = ["mallory%evil@example.org", "evil!mallory@example.org", '"mallory@evil"@example.org', "x+y%evil@example.org"]
"""Addresses that some mail servers send on to another host."""


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_belongs_to_no_domain_and_to_no_mailbox_below_its_detail(world: World, route: str) -> None:
    group = replace(world.rules.groups[0], addresses=("@example.org", "x@example.org"))
    world.rules = replace(world.rules, groups=(group,), internal=("@example.org",))
    assert not world.rules.is_internal(route)
    assert world.ask(author=route).group is None
    decision = world.levels("if-possible", "required").ask(recipients=("alice@example.com", route))
    assert decision.reply is not None
    assert route in " ".join(decision.reply.lines)


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_belongs_where_it_is_listed_whole(world: World, route: str) -> None:
    world.rules = replace(world.rules, groups=(replace(world.rules.groups[0], addresses=(route.upper(),)),))
    assert world.rules.is_internal(route)
    assert world.ask(author=route).group == "support"


@pytest.mark.parametrize(("name", "asked"), [("Alice@example.com", "alice@example.com"), ("a@x.org", "A@x.org")])
def test_letter_case_of_a_certificates_name_counts_where_it_is_asked_to(
    world: World, make: Make, name: str, asked: str
) -> None:
    world.holdings[asked] = [make(name)]
    assert protection(world.ask(recipients=(asked,))) == (True, True)
    world.rules = replace(world.rules, fold=False)
    assert protection(world.ask(recipients=(asked,))) == (True, False)


UMLAUT = ["Älice@example.com", "ÄLICE@Example.com", "älice@example.com"]


def test_letters_beyond_ascii_never_fold(world: World, make: Make) -> None:
    world.holdings |= {asked: [make("x@x.org", utf8_addresses=("Älice@example.com",))] for asked in UMLAUT}
    assert [protection(world.ask(recipients=(asked,)))[1] for asked in UMLAUT] == [True, True, False]


# --- reports and protected mail -------------------------------------------------------------------------------------


def test_a_report_is_exempt_from_if_possible_only(world: World) -> None:
    decision = world.levels("if-possible", "if-possible").ask(sender="", report=True)
    assert decision.untouched
    assert decision.sign_reason is Reason.AUTOMATIC
    assert protection(world.levels("required", "required").ask(sender="", report=True)) == (True, True)


def test_other_null_sender_mail_is_ordinary(world: World) -> None:
    assert protection(world.ask(sender="")) == (True, True)


@pytest.mark.parametrize("encrypt", ["never", "if-possible", "required"])
def test_already_encrypted_passes_unless_signing_is_required(world: World, encrypt: str) -> None:
    for sign in ("never", "if-possible"):
        decision = world.levels(sign, encrypt).ask(encrypted=True)
        assert decision.untouched
        assert decision.encrypted
        assert decision.encrypt_reason is Reason.ALREADY_PROTECTED
    assert refusal(world.levels("required", encrypt).ask(encrypted=True)) == REFUSED_PROTECTION


@pytest.mark.parametrize("sign", ["never", "if-possible", "required"])
def test_out_07_already_signed_is_never_signed_again(world: World, sign: str) -> None:
    """OUT-07: it counts as signed and is encrypted as it stands."""
    decision = world.levels(sign, "required").ask(signed=True)
    assert protection(decision) == (False, True)
    assert decision.signed
    assert decision.sign_reason is Reason.ALREADY_PROTECTED
    assert world.levels(sign, "never").ask(signed=True).untouched


def test_mail_that_arrived_and_is_sent_on_is_never_signed_for_the_group(world: World) -> None:
    """A forwarder brings outside mail with the group's From to the outbound door: no oracle may sign it."""
    decision = world.levels("if-possible", "never").ask(arrived=True)
    assert decision.untouched
    assert decision.sign_reason is Reason.TRANSIT
    assert refusal(world.levels("required", "never").ask(arrived=True)) == REFUSED_PROTECTION
    wished = world.levels("if-possible", "never").ask(arrived=True, wishes=Wishes(sign=Level.REQUIRED))
    assert refusal(wished) == REFUSED_PROTECTION
    sealed = world.levels("if-possible", "required").ask(arrived=True)
    assert protection(sealed) == (False, True)


# --- who counts -----------------------------------------------------------------------------------------------------


def test_if_possible_is_all_or_nothing(world: World) -> None:
    """OUT-04: no plain copy beside an encrypted one."""
    decision = world.ask(recipients=("alice@example.com", "carol@example.com"))
    assert protection(decision) == (True, False)
    assert [(answer.address, answer.reason) for answer in decision.missing] == [
        ("carol@example.com", Reason.NO_CERTIFICATE)
    ]
    assert len(decision.copies) == 1


def test_hidden_recipients_count(world: World) -> None:
    decision = world.levels("never", "required").ask(recipients=("alice@example.com", "hidden@example.com"))
    assert refusal(decision) == REFUSED_PROTECTION
    assert "hidden@example.com" in decision.reply.lines[0]


def test_out_03_a_hidden_recipient_is_in_no_one_elses_cms(world: World, make: Make) -> None:
    """OUT-03: every hidden recipient has a copy and a CMS of its own."""
    for name in ("dave", "erin"):
        world.holdings[f"{name}@example.com"] = [make(f"{name}@example.com")]
    recipients = ("dave@example.com", "alice@example.com", "erin@example.com", "bob@example.com")
    decision = world.ask(recipients=recipients)
    assert [copy.recipients for copy in decision.copies] == [
        ("alice@example.com", "bob@example.com"),
        ("dave@example.com",),
        ("erin@example.com",),
    ]
    for copy in decision.copies:
        readers = {address for certificate in copy.certificates for address in certificate.addresses}
        assert readers == {*copy.recipients, "support@example.org"}


def test_the_only_recipient_is_not_hidden(world: World, make: Make) -> None:
    world.holdings["dave@example.com"] = [make("dave@example.com")]
    decision = world.ask(recipients=("dave@example.com",))
    assert [copy.recipients for copy in decision.copies] == [("dave@example.com",)]


def test_internal_recipients_get_a_signed_plain_copy_and_do_not_count(world: World) -> None:
    world.rules = replace(world.rules, internal=("@corp.example",))
    decision = world.levels("required", "required").ask(
        recipients=("alice@example.com", "colleague@corp.example", "support@example.org")
    )
    protected, plain = decision.copies
    assert protected.recipients == ("alice@example.com",)
    assert plain.recipients == ("colleague@corp.example", "support@example.org")
    assert plain.certificates == ()
    assert decision.signer is not None


def test_only_internal_recipients(world: World) -> None:
    world.rules = replace(world.rules, internal=("@corp.example",))
    decision = world.levels("required", "required").ask(recipients=("colleague@corp.example",))
    assert protection(decision) == (True, False)
    assert decision.encrypt_reason is Reason.INTERNAL_RECIPIENT


def test_internal_if_possible_encrypts_to_those_who_can(world: World, make: Make) -> None:
    world.rules = replace(world.rules, internal=("@corp.example",), encrypt_internal=True)
    world.holdings["boss@corp.example"] = [make("boss@corp.example")]
    visible = frozenset({"alice@example.com", "boss@corp.example", "temp@corp.example"})
    decision = world.ask(recipients=("alice@example.com", "boss@corp.example", "temp@corp.example"), visible=visible)
    assert [copy.recipients for copy in decision.copies] == [
        ("alice@example.com", "boss@corp.example"),
        ("temp@corp.example",),
    ]


def test_what_cannot_split_stays_unencrypted_or_is_refused(world: World, make: Make) -> None:
    world.rules = replace(world.rules, internal=("@corp.example",))
    mixed = {"recipients": ("alice@example.com", "x@corp.example"), "can_split": False}
    decision = world.ask(**mixed)
    assert protection(decision) == (True, False)
    assert decision.encrypt_reason is Reason.MIXED_RECIPIENTS
    assert refusal(world.levels("never", "required").ask(**mixed)) == REFUSED_PROTECTION
    world.holdings["dave@example.com"] = [make("dave@example.com")]
    hidden = {"recipients": ("alice@example.com", "dave@example.com"), "can_split": False}
    assert world.levels("never", "if-possible").ask(**hidden).encrypt_reason is Reason.HIDDEN_RECIPIENT
    assert refusal(world.levels("never", "required").ask(**hidden)) == REFUSED_PROTECTION


def test_encrypt_to_self(world: World) -> None:
    (copy,) = world.ask().copies
    assert {certificate.addresses[0] for certificate in copy.certificates} == {
        "alice@example.com",
        "support@example.org",
    }
    world.holdings.pop("support@example.org")
    (copy,) = world.levels("never", "required").ask().copies
    assert [certificate.addresses[0] for certificate in copy.certificates] == ["alice@example.com"]


# --- which certificate ----------------------------------------------------------------------------------------------


def test_crt_04_one_expired_certificate_among_several_never_blocks(world: World, make: Make) -> None:
    """CRT-04: the newest valid one is taken, whatever else is stored."""
    old = make("alice@example.com", not_before=AT - 300 * DAY, not_after=AT + 300 * DAY)
    new = make("alice@example.com", not_before=AT - 30 * DAY, not_after=AT + 90 * DAY)
    expired = make("alice@example.com", not_before=AT - 60 * DAY, not_after=AT - DAY)
    future = make("alice@example.com", not_before=AT + DAY, not_after=AT + 90 * DAY)
    world.holdings["alice@example.com"] = [old, expired, new, future]
    (copy,) = world.levels("never", "required").ask().copies
    assert new.certificate in copy.certificates
    assert not {old.certificate, expired.certificate, future.certificate} & set(copy.certificates)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"not_after": AT - DAY, "not_before": AT - 2 * DAY}, Reason.EXPIRED),
        ({"not_before": AT + DAY, "not_after": AT + 2 * DAY}, Reason.NOT_YET_VALID),
        ({"key_usage": ("digitalSignature",)}, Reason.WRONG_USAGE),
        ({"extended_key_usage": ("1.3.6.1.5.5.7.3.1",)}, Reason.WRONG_USAGE),
        ({"kind": "rsa-1024"}, Reason.WEAK_KEY),
        ({"kind": "ml-kem-768"}, Reason.UNSUPPORTED_ALGORITHM),
        ({"kind": "brainpool256"}, Reason.UNSUPPORTED_ALGORITHM),
        ({"trusted": False}, Reason.UNTRUSTED),
        ({"distrusted": True}, Reason.UNTRUSTED),
    ],
)
def test_why_a_recipient_cannot_be_encrypted_to(world: World, make: Make, facts: dict, reason: Reason) -> None:
    world.holdings["alice@example.com"] = [make("alice@example.com", **facts)]
    decision = world.levels("never", "required").ask()
    assert refusal(decision) == REFUSED_PROTECTION
    assert f"alice@example.com ({reason})" in decision.reply.lines[0]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"has_key": False}, Reason.NO_KEY),
        ({"has_key": True, "not_after": AT - DAY, "not_before": AT - 2 * DAY}, Reason.EXPIRED),
        ({"has_key": True, "key_usage": ("keyAgreement",)}, Reason.WRONG_USAGE),
        ({"has_key": True, "distrusted": True}, Reason.UNTRUSTED),
    ],
)
def test_out_09_why_a_sender_cannot_sign(world: World, make: Make, facts: dict, reason: Reason) -> None:
    """OUT-09: an own certificate that does not serve never signs."""
    world.holdings["support@example.org"] = [make("support@example.org", **facts)]
    assert world.levels("if-possible", "never").ask().sign_reason is reason
    assert refusal(world.levels("required", "never").ask()) == REFUSED_PROTECTION


def test_recipient_detail_falls_back_to_the_mailbox(world: World) -> None:
    decision = world.levels("never", "required").ask(recipients=("alice+invoices@example.com",))
    (copy,) = decision.copies
    assert "alice@example.com" in {address for certificate in copy.certificates for address in certificate.addresses}


# --- learned certificates -------------------------------------------------------------------------------------------


def chosen(world: World, *recipients: str) -> set[str]:
    """The fingerprints that are encrypted to, or nothing."""
    decision = world.levels("never", "if-possible").ask(recipients=recipients or ("alice@example.com",))
    own = world.holdings["support@example.org"][0].certificate.fingerprint
    return {certificate.fingerprint for copy in decision.copies for certificate in copy.certificates} - {own}


def test_crt_06_a_learned_certificate_serves_where_no_imported_one_does(world: World, make: Make) -> None:
    """CRT-06: whatever the dates say; of several learned ones the newest serves."""
    imported = make("alice@example.com", not_before=AT - 100 * DAY)
    learned = [make("alice@example.com", learned=True, not_before=AT - n * DAY) for n in (9, 1, 5)]
    world.holdings["alice@example.com"] = [learned[0], imported, *learned[1:]]
    assert chosen(world) == {imported.certificate.fingerprint}
    expired = make("alice@example.com", not_before=AT - 2 * DAY, not_after=AT - DAY)
    world.holdings["alice@example.com"] = [expired, *learned]
    assert chosen(world) == {learned[1].certificate.fingerprint}


def test_crt_06_one_in_quarantine_serves_for_nothing(world: World, make: Make) -> None:
    """CRT-06: and the reason says that there is one to approve."""
    world.holdings["alice@example.com"] = [make("alice@example.com", learned=True, trusted=False)]
    assert chosen(world) == set()
    decision = world.levels("never", "required").ask()
    assert "alice@example.com (untrusted)" in decision.reply.lines[0]


def test_crt_06_a_learned_certificate_hides_none_of_the_mailbox(world: World, make: Make) -> None:
    """CRT-06: mail from a sub-address does not turn the mailbox's own certificate aside."""
    detail = "alice+invoices@example.com"
    world.holdings[detail] = [make(detail, learned=True)]
    assert chosen(world, detail) == {world.holdings["alice@example.com"][0].certificate.fingerprint}
    world.holdings["alice@example.com"] = []
    assert chosen(world, detail) == {world.holdings[detail][0].certificate.fingerprint}
    world.holdings[detail] = [make(detail, learned=True, trusted=False)]
    assert chosen(world, detail) == set()


def test_crt_06_a_learned_certificate_never_signs(world: World, make: Make) -> None:
    """CRT-06: not even where its key is here."""
    world.holdings["support@example.org"] = [make("support@example.org", has_key=True, learned=True)]
    assert world.levels("if-possible", "never").ask().sign_reason is Reason.UNTRUSTED


# --- what the store knows against a certificate ----------------------------------------------------------------------


def test_crt_04_a_revoked_certificate_serves_for_nothing(world: World, make: Make) -> None:
    """CRT-04: the newest that is not revoked does; where none is left, the reason says so."""
    older = make("alice@example.com", not_before=AT - 9 * DAY)
    revoked = make("alice@example.com", not_before=AT - DAY, fault=Reason.REVOKED)
    for held in ([older, revoked], [revoked, older]):
        world.holdings["alice@example.com"] = held
        assert chosen(world) == {older.certificate.fingerprint}
    world.holdings["alice@example.com"] = [revoked]
    decision = world.levels("never", "required").ask()
    assert "alice@example.com (revoked)" in decision.reply.lines[0]
    assert decision.copies == ()


def test_crt_04_nothing_is_signed_with_a_revoked_certificate(world: World, make: Make) -> None:
    """CRT-04: nor is our own copy encrypted to it; an older one that is valid does both."""
    sender = "support@example.org"
    older = make(sender, has_key=True, not_before=AT - 9 * DAY)
    revoked = make(sender, has_key=True, not_before=AT - DAY, fault=Reason.REVOKED)
    world.holdings[sender] = [revoked, older]
    decision = world.ask()
    assert (decision.signer, decision.own) == (older, older)
    world.holdings[sender] = [revoked]
    decision = world.ask()
    assert (decision.signer, decision.own, decision.sign_reason) == (None, None, Reason.REVOKED)
    assert decision.encrypted
    assert world.levels("required", "never").ask().reply.lines[0].endswith("support@example.org (revoked)")


def test_crt_06_a_learned_one_whose_path_fell_gives_way(world: World, make: Make) -> None:
    """CRT-06: to an older learned one; an imported one that is revoked gives way to a learned one, too."""
    older = make("alice@example.com", learned=True, not_before=AT - 9 * DAY)
    fallen = make("alice@example.com", learned=True, not_before=AT - DAY, fault=Reason.UNTRUSTED)
    revoked = make("alice@example.com", not_before=AT - 2 * DAY, fault=Reason.REVOKED)
    world.holdings["alice@example.com"] = [older, fallen, revoked]
    assert chosen(world) == {older.certificate.fingerprint}
    world.holdings["alice@example.com"] = [fallen]
    assert "alice@example.com (untrusted)" in world.levels("never", "required").ask().reply.lines[0]


def test_of_what_is_expired_and_what_is_revoked_the_latter_is_told(world: World, make: Make) -> None:
    expired = make("alice@example.com", not_before=AT - 9 * DAY, not_after=AT - DAY)
    gone = make("alice@example.com", not_before=AT - 9 * DAY, not_after=AT - DAY, fault=Reason.REVOKED)
    world.levels("never", "required").holdings["alice@example.com"] = [gone, expired]
    assert "(expired)" in world.ask().reply.lines[0]
    world.holdings["alice@example.com"].append(make("alice@example.com", fault=Reason.REVOKED))
    assert "(revoked)" in world.ask().reply.lines[0]


def test_out_04_what_all_recipients_can_open_is_told(world: World, make: Make) -> None:
    """OUT-04: over all copies, hidden ones too; nobody who said nothing, and not the sender's own certificate."""
    both = frozenset({"aes-256-gcm", "aes-256-cbc"})
    world.holdings["alice@example.com"] = [make("alice@example.com", capabilities=both)]
    world.holdings["hidden@example.com"] = [make("hidden@example.com", capabilities=frozenset({"aes-256-cbc"}))]
    world.levels("never", "if-possible")
    assert world.ask().capabilities == both
    assert world.ask(recipients=("alice@example.com", "hidden@example.com")).capabilities == {"aes-256-cbc"}
    assert world.ask(recipients=("alice@example.com", "bob@example.com")).capabilities == frozenset()


CAPABILITIES_OID = x509.ObjectIdentifier("1.2.840.113549.1.9.15")


@pytest.mark.parametrize(
    ("value", "announced"),
    [
        (capabilities(), True),
        (b"", False),
        (b"\x30\x80", False),
        (b"\x30\x05\x06\x03\x2a\x03\x04", False),
        (capabilities() + b"\0", False),
    ],
)
def test_a_certificate_may_announce_what_its_owner_opens(
    world: World, make: Make, value: bytes, announced: bool
) -> None:
    """RFC 4262: the first mail to somebody can be in the stronger cipher already; what does not read says nothing."""
    extensions = ((x509.UnrecognizedExtension(CAPABILITIES_OID, value), False),)
    world.holdings["alice@example.com"] = [make("alice@example.com", extensions=extensions)]
    assert ("aes-256-gcm" in world.ask().capabilities) is announced
    assert world.ask(recipients=("alice@example.com", "bob@example.com")).capabilities == frozenset()


def test_what_is_required_and_could_not_be_asked_is_deferred(world: World) -> None:
    """Neither there nor known to be nowhere: 4xx, and the client tries again."""
    world.rules = replace(world.rules, searched=frozenset({"example.com"}))
    world.levels("never", "required")
    world.unasked = frozenset({"carol@example.com"})
    decision = world.ask(recipients=("alice@example.com", "carol@example.com"))
    assert str(decision.reply).startswith("451 4.4.3 lookup-failed: ")
    assert [(answer.address, answer.reason) for answer in decision.missing] == [
        ("carol@example.com", Reason.LOOKUP_FAILED)
    ]
    refused = world.ask(recipients=("carol@example.com", "dave@example.com"))
    assert str(refused.reply).startswith("550 5.7.3 "), "one that was asked and is nowhere is refused for good"
    world.levels("never", "if-possible")
    relayed = world.ask(recipients=("carol@example.com",))
    assert (relayed.reply, relayed.encrypted, relayed.encrypt_reason) == (None, False, Reason.LOOKUP_FAILED)
    world.unasked = frozenset({"alice@example.com"})
    assert world.ask(recipients=("alice@example.com",)).encrypted, "what is stored serves all the same"


# what others may know


def searching(world: World, make: Make, *, encrypt: str = "required") -> World:
    """Sources know carol, and may know others of example.com."""
    world.levels("never", encrypt)
    world.rules = replace(world.rules, searched=frozenset({"example.com"}))
    world.elsewhere = {"carol@example.com": [make("carol@example.com", learned=True, origin=Origin.DIRECTORY)]}
    world.lookups = (Lookup(address="carol@example.com", source="ldap", result="found", ms=1.0),)
    return world


def test_whoever_has_no_certificate_is_looked_for(world: World, make: Make) -> None:
    decision = searching(world, make).ask(recipients=("alice@example.com", "carol@example.com"))
    assert (decision.encrypted, decision.lookups) == (True, world.lookups)
    assert world.sought == [{"carol@example.com"}], "who has one is asked of nobody"


def test_nobody_is_looked_for_where_it_makes_no_difference(world: World, make: Make) -> None:
    searching(world, make, encrypt="never").ask(recipients=("carol@example.com",))
    searching(world, make).ask(recipients=("alice@example.com", "dave@elsewhere.example"))
    world.rules = replace(world.rules, internal=("@example.com",))
    world.ask(recipients=("carol@example.com",))
    assert world.sought == []


def test_a_recipient_with_a_detail_is_looked_for_without_it_too(world: World, make: Make) -> None:
    assert searching(world, make).ask(recipients=("carol+ticket@example.com",)).encrypted
    assert world.sought == [{"carol+ticket@example.com", "carol@example.com"}]


def test_a_group_may_ask_for_an_anchor(world: World, make: Make) -> None:
    """Row of ``groups[].minimum``: where the DNS alone vouches, that is not enough for this group."""
    searching(world, make)
    world.elsewhere = {
        "carol@example.com": [make("carol@example.com", learned=True, origin=Origin.DNS, by_dns_alone=True)]
    }
    assert world.ask(recipients=("carol@example.com",)).encrypted
    group = replace(world.rules.groups[0], needs_anchor=True)
    world.rules = replace(world.rules, groups=(group,))
    assert str(world.ask(recipients=("carol@example.com",)).reply).startswith("550 5.7.3 untrusted")


@pytest.mark.parametrize("lower", [Origin.DNS, Origin.LEARNED])
def test_origins_rank_whatever_the_dates(world: World, make: Make, lower: Origin) -> None:
    """CRT-06: a lower origin never replaces a higher one's certificate that can be used."""
    old = make("alice@example.com", learned=True, origin=Origin.DIRECTORY)
    new = make("alice@example.com", learned=True, origin=lower, not_before=AT - DAY)
    world.levels("never", "required")
    for order in ([old, new], [new, old]):
        world.holdings["alice@example.com"] = order
        assert world.ask().copies[0].certificates[0] == old.certificate
    expired = make("alice@example.com", learned=True, origin=Origin.DIRECTORY, not_after=AT - DAY)
    world.holdings["alice@example.com"] = [expired, new]
    assert world.ask().copies[0].certificates[0] == new.certificate


def test_what_is_pinned_keeps_its_place(world: World, make: Make) -> None:
    pinned = make("alice@example.com", learned=True, origin=Origin.LEARNED, pinned=True)
    world.levels("never", "required")
    world.holdings["alice@example.com"] = [make("alice@example.com"), pinned]
    assert world.ask().copies[0].certificates[0] == pinned.certificate
    expired = make("alice@example.com", pinned=True, not_after=AT - DAY)
    found = make("alice@example.com", learned=True, origin=Origin.DIRECTORY)
    world.holdings["alice@example.com"] = [expired, found]
    assert str(world.ask().reply).startswith("550 5.7.3 expired"), "expired or not, nothing found takes its place"
