"""``cert``: what the list says, what can be shown, exported, trusted and deleted."""

from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from gateway.store import StoreOptions, open_store
from gateway.store.certificates.learned import Learning
from tests.authority import NOT_AFTER, Authority, Issued
from tests.cli.running import Command


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com", "sales@example.com", kind="p256")


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], alice: Issued, authority: Authority) -> Command:
    """A store with Alice, her key, and the root."""
    made = Command(tmp_path, capsys)
    made("import", made.put("alice", alice.pem(), alice.key_pem()), made.put("root", authority.root.pem()))
    return made


def test_the_list_says_all_one_chooses_by(command: Command, alice: Issued, authority: Authority) -> None:
    result = command("cert", "list")
    assert result.code == 0
    (row,) = [line for line in result.lines if "alice@example.com" in line]
    fingerprint = alice.certificate.fingerprint[:16]
    assert row.split() == [
        fingerprint,
        "alice@example.com,",
        "sales@example.com",
        "yes",
        "sign,",
        "encrypt",
        "trusted",
        "current",
        "2035-01-01",
        "incomplete",
        "chain",
    ]
    (row,) = [line for line in result.lines if authority.root.certificate.fingerprint[:16] in line]
    assert row.split()[-4:] == ["ca", "anchor", "current", "2035-01-01"]


def test_the_list_as_json(command: Command, alice: Issued) -> None:
    entries = {entry["fingerprint"]: entry for entry in command("cert", "list", "--json").json}
    entry = entries[alice.certificate.fingerprint]
    assert entry["addresses"] == ["alice@example.com", "sales@example.com"]
    facts = {"has_key": True, "uses": ["sign", "encrypt"], "trust": "trusted", "state": "current", "kind": "leaf"}
    facts |= {"origin": "imported", "pinned": True, "seen": None, "notes": ["incomplete chain"]}
    assert {name: entry[name] for name in facts} == facts
    assert entry["not_after"] == "2035-01-01T00:00:00Z"
    assert int(entry["serial"], 16) == alice.certificate.serial


def test_the_list_is_filtered(command: Command, alice: Issued) -> None:
    for text in ("SALES@", alice.certificate.fingerprint[:30], "Test Leaf"):
        (entry,) = command("cert", "list", "--json", "--filter", text).json
        assert entry["fingerprint"] == alice.certificate.fingerprint
    assert command("cert", "list", "--json", "--filter", "nobody").json == []


def test_what_expires_soon_is_listed(command: Command, authority: Authority) -> None:
    today = datetime.now(UTC).replace(microsecond=0)
    soon = authority.leaf("soon@example.com", not_after=today + timedelta(days=20), kind="p256")
    gone = authority.leaf("gone@example.com", not_after=today - timedelta(days=1), kind="p256")
    command("import", command.put("both", soon.pem(), gone.pem()))

    def within(length: str) -> list[str]:
        return [
            address
            for entry in command("cert", "list", "--json", "--expiring", length).json
            for address in entry["addresses"]
        ]

    assert within("30d") == ["soon@example.com"]
    assert within("10d") == []
    assert len(within(f"{(NOT_AFTER - today).days + 1}d")) == 3
    assert "expired" in next(line for line in command("cert", "list").lines if "gone@" in line)
    assert command("cert", "list", "--expiring", "soon").code == 64


def test_one_word_says_how_each_stands(command: Command, authority: Authority) -> None:
    today = datetime.now(UTC).replace(microsecond=0)
    past, soon, far = (today + timedelta(days=days) for days in (-1, 20, 400))
    made = {
        "superseded": authority.leaf("a@b.example", not_before=past - timedelta(days=9), not_after=soon, kind="p256"),
        "current": authority.leaf("a@b.example", not_before=past, not_after=far, kind="p256"),
        "expired": authority.leaf("c@b.example", not_after=past, kind="p256"),
        "not-yet-valid": authority.leaf("a@b.example", not_before=soon, not_after=far, kind="p256"),
        "revoked": authority.leaf("r@b.example", kind="p256"),
        "distrusted": authority.leaf("d@b.example", kind="p256"),
    }
    for name, issued in made.items():
        assert command("import", command.put(name, issued.pem(), issued.key_pem())).code == 0
    crl = authority.revocation_list(made["revoked"]).public_bytes(Encoding.PEM)
    command("import", command.put("above", authority.intermediate.pem()), command.put("crl", crl))
    command("cert", "distrust", made["distrusted"].certificate.fingerprint)
    for state, issued in made.items():
        found = command("cert", "list", "--json", "--state", state, "--with-key", "--filter", "@b.example").json
        assert [entry["fingerprint"] for entry in found] == [issued.certificate.fingerprint], state
        assert command("cert", "show", "--json", issued.certificate.fingerprint).json["state"] == state
    ends = [entry["state"] for entry in command("cert", "list", "--json", "--expiring", "30d").json]
    assert ends == ["expired"], "no one has come in its place; the superseded one has a successor"
    again = command("import", command.folder / "superseded", command.folder / "revoked")
    assert "(trusted; superseded)" in again.out and "(trusted; revoked)" in again.out


def test_two_are_both_current_where_each_does_what_the_other_does_not(command: Command, authority: Authority) -> None:
    signs = authority.leaf(
        "two@b.example", key_usage=("digitalSignature",), not_before=NOT_AFTER - timedelta(days=3600)
    )
    opens = authority.leaf("two@b.example", key_usage=("keyEncipherment",))
    for name, issued in (("signs", signs), ("opens", opens)):
        command("import", command.put(name, issued.pem(), issued.key_pem()))
    states = [entry["state"] for entry in command("cert", "list", "--json", "--filter", "two@").json]
    assert states == ["current", "current"]


def test_the_list_comes_in_pages_and_by_kind(command: Command, authority: Authority) -> None:
    others = [authority.leaf(f"o{number}@example.com", kind="p256") for number in range(5)]
    command("import", command.put("others", *(other.pem() for other in others)))
    listed = [entry["fingerprint"] for entry in command("cert", "list", "--json").json]
    pages, after = [], ()
    while page := command("cert", "list", "--json", "--limit", "2", *after).json:
        pages += [entry["fingerprint"] for entry in page]
        after = ("--after", pages[-1])
    assert pages == listed and len(listed) == 7
    assert [entry["kind"] for entry in command("cert", "list", "--json", "--kind", "ca").json] == ["ca"]
    assert [entry["has_key"] for entry in command("cert", "list", "--json", "--with-key").json] == [True]
    for wrong, code in ((("--limit", "0"), 64), (("--state", "lost"), 64), (("--after", "0" * 9), 65)):
        assert command("cert", "list", *wrong).code == code


def test_a_key_alone_is_waiting(command: Command, authority: Authority) -> None:
    alone = authority.leaf("alone@example.com", kind="p256")
    command("import", command.put("alone", alone.key_pem()))
    (entry,) = command("cert", "list", "--json", "--state", "waiting").json
    assert (entry["public_key_id"], entry["state"]) == (alone.certificate.public_key_id, "waiting")
    assert alone.certificate.public_key_id[:16] in command("cert", "list", "--state", "waiting").out


def test_a_curve_that_seals_nothing_is_said(command: Command, authority: Authority) -> None:
    odd = authority.leaf("odd@example.com", kind="brainpool256")
    said = command("import", command.put("odd", odd.pem()))
    assert "seals nothing (curve brainpoolP256r1)" in said.out
    assert "seals nothing (curve brainpoolP256r1)" in command("cert", "list").out
    shown = command("cert", "show", "--json", odd.certificate.fingerprint).json
    assert shown["notes"] == ["seals nothing (curve brainpoolP256r1)"]


def test_an_address_in_a_subject_is_named(command: Command, authority: Authority) -> None:
    named = authority.leaf("n@example.com", subject_addresses=("n@example.com",), kind="p256")
    command("import", command.put("named", named.pem()))
    assert "emailAddress=n@example.com" in command("cert", "show", named.certificate.fingerprint).out


def test_show_names_the_path_to_its_anchor(command: Command, authority: Authority, alice: Issued) -> None:
    command("import", "--no-trust", command.put("above", authority.intermediate.pem()))
    (path,) = [line for line in command("cert", "show", alice.certificate.fingerprint).lines if line.startswith("path")]
    above = [issuer.certificate.subject for issuer in (authority.intermediate, authority.root)]
    assert path.endswith(f"{above[0]} < {above[1]} (anchor)")


def test_show_tells_one_in_full(command: Command, alice: Issued) -> None:
    result = command("cert", "show", alice.certificate.fingerprint[:10])
    assert result.code == 0
    facts = dict(line.split(":", 1) for line in result.lines)
    said = {name: fact.strip() for name, fact in facts.items()}
    assert said["id"] == alice.certificate.fingerprint == said["SHA-256"].replace(" ", "").lower()
    assert said["SHA-1"].replace(" ", "").lower() == sha1(alice.certificate.der).hexdigest()
    assert said["key"] == "yes (ec secp256r1); leaves only under a passphrase given then"
    assert (said["use"], said["state"], said["path"]) == ("sign, encrypt", "current", "none above it (no anchor)")
    assert said["came"].startswith("imported, first stored 20")
    assert command("cert", "show", "--json", alice.certificate.fingerprint).json["issuer"] == alice.certificate.issuer


def test_export_prints_the_certificate_and_no_key(command: Command, alice: Issued) -> None:
    """KEY-03."""
    result = command("cert", "export", alice.certificate.fingerprint[:10])
    assert load_pem_x509_certificate(result.out.encode()) == alice.x509
    assert "PRIVATE" not in result.out


@pytest.mark.parametrize("verb", ["show", "export", "delete", "trust", "distrust"])
def test_a_name_that_fits_none_or_several_is_65(command: Command, verb: str) -> None:
    for name in ("0" * 64, "nonsense"):
        result = command("cert", verb, name)
        assert (result.code, result.out) == (65, "")
        assert result.err.startswith("smime-gateway: ")
    assert command("cert", verb).code == 64


def test_trust_is_taken_and_given(command: Command, alice: Issued, authority: Authority) -> None:
    for issued, word in ((alice, "trusted"), (authority.root, "anchor")):
        fingerprint = issued.certificate.fingerprint
        assert command("cert", "distrust", fingerprint).out == f"certificate {fingerprint}: distrusted\n"
        assert command("cert", "show", fingerprint, "--json").json["trust"] == "distrusted"
        assert command("cert", "trust", fingerprint, "--json").json["trust"] == word


def test_trust_and_distrust_are_taken_back(command: Command, alice: Issued, authority: Authority) -> None:
    both = [issued.certificate.fingerprint for issued in (alice, authority.root)]
    for verb in ("trust", "distrust"):
        assert command("cert", verb, *both).code == 0
        back = command("cert", "trust", "--none", *both)
        assert back.out == "".join(f"certificate {name}: none\n" for name in both)
    assert command("cert", "trust", "--none", "0" * 8).code == 65
    assert command("cert", "distrust", both[0], "0" * 8).code == 65
    assert [item["trust"] for item in command("cert", "trust", "--json", *both).json] == ["trusted", "anchor"]


def test_what_falls_with_an_authority_is_said_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], alice: Issued, authority: Authority
) -> None:
    groups = "groups:\n  - {name: sales, addresses: [sales@example.com]}\n  - {name: help, addresses: [help@a.test]}\n"
    command = Command(tmp_path, capsys, groups)
    above = (authority.intermediate.pem(), authority.root.pem())
    other = authority.leaf("other@example.net", kind="p256")
    command("import", command.put("all", alice.pem(), alice.key_pem(), other.pem(), *above))
    said = command("cert", "distrust", authority.root.certificate.fingerprint)
    assert "fall 3 stored certificates and 1 group (sales)" in said.err
    assert said.out.endswith(": distrusted\n")
    said = command("cert", "distrust", authority.intermediate.certificate.fingerprint)
    assert "fall 2 stored certificates and 1 group (sales)" in said.err
    assert command("cert", "distrust", alice.certificate.fingerprint).err == ""


def test_deleting_the_last_certificate_of_a_key_says_so(command: Command, alice: Issued, authority: Authority) -> None:
    assert "key" not in command("cert", "delete", authority.root.certificate.fingerprint).out
    slip = command("cert", "delete", alice.certificate.fingerprint)
    assert (slip.code, slip.out) == (64, "")
    assert "old mail too, could never be opened again" in slip.err and "--yes" in slip.err
    assert command("key", "list", "--json").json
    result = command("cert", "delete", alice.certificate.fingerprint, "--yes")
    assert result.code == 0
    assert "private key, which is deleted, too" in result.out
    assert command("key", "list", "--json").json == []
    assert command("cert", "delete", alice.certificate.fingerprint, "--yes").code == 65


def test_deleting_as_json(command: Command, alice: Issued) -> None:
    result = command("cert", "delete", "--json", "--yes", alice.certificate.fingerprint)
    assert result.json == {"fingerprint": alice.certificate.fingerprint, "deleted": True, "key_deleted": True}


def test_what_breaks_an_own_chain_needs_yes(command: Command, authority: Authority) -> None:
    command("import", command.put("above", authority.intermediate.pem()))
    for issuer in (authority.intermediate, authority.root):
        slip = command("cert", "delete", issuer.certificate.fingerprint)
        assert (slip.code, slip.out) == (64, "")
        assert "(alice@example.com, sales@example.com) would break" in slip.err
        assert issuer.certificate.subject in slip.err and "--yes" in slip.err
    both = [issuer.certificate.fingerprint for issuer in (authority.intermediate, authority.root)]
    assert command("cert", "delete", "--yes", *both).code == 0


def test_several_are_deleted_at_once_or_none(command: Command, authority: Authority) -> None:
    others = [authority.leaf(f"o{number}@example.com", kind="p256") for number in range(3)]
    command("import", command.put("others", *(other.pem() for other in others)))
    names = [other.certificate.fingerprint for other in others]
    for wrong, code in (("0" * 64, 65), (names[2][:7], 64), ("", 65), ("nonsense", 65)):
        assert command("cert", "delete", names[0], wrong).code == code
    assert len(command("cert", "list", "--json").json) == 5
    result = command("cert", "delete", "--json", names[0][:8], names[1], names[0])
    assert [item["fingerprint"] for item in result.json] == names[:2]
    assert command("cert", "delete", names[2]).out == f"deleted certificate {names[2]}\n"
    assert len(command("cert", "list", "--json").json) == 2


def test_both_certificates_of_a_key_take_it_along(command: Command, authority: Authority, alice: Issued) -> None:
    other = authority.leaf("alice@example.net", key=alice.private_key)
    command("import", command.put("other", other.pem()))
    assert command("cert", "delete", alice.certificate.fingerprint, other.certificate.fingerprint).code == 64
    assert command("cert", "delete", alice.certificate.fingerprint).code == 0
    assert command("cert", "delete", other.certificate.fingerprint).code == 64


def test_on_a_terminal_deletion_asks(command: Command, alice: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.cli.deletion.on_terminal", lambda: True)
    for typed, code, left in (("n", 130, 1), ("", 130, 1), ("y", 0, 0)):
        monkeypatch.setattr("click.termui.visible_prompt_func", lambda _, typed=typed: typed)
        assert command("cert", "delete", alice.certificate.fingerprint).code == code
        assert len(command("key", "list", "--json").json) == left


def test_what_mail_taught_is_shown_approved_and_dropped(command: Command, authority: Authority) -> None:
    """CRT-06: visible in the list; `trust` approves it, what is deleted does not come back."""
    names = ("quarantined", "learned")
    people = {name: authority.leaf(f"{name}@example.com", kind="p256").certificate for name in names}

    def teach() -> list[Learning]:
        store = open_store(StoreOptions(command.state), durable=True)
        at = datetime(2026, 6, 1, tzinfo=UTC)
        told = [
            store.learned.learn(f"{name}@example.com", certificate, (), at, trusted=name == "learned")
            for name, certificate in people.items()
        ]
        store.close()
        return told

    assert teach() == [Learning.NEW] * 2
    for name, certificate in people.items():
        (row,) = [line for line in command("cert", "list").lines if f"{name}@" in line]
        assert name in row.split()
        assert command("cert", "show", certificate.fingerprint, "--json").json["trust"] == name
        assert command("cert", "trust", certificate.fingerprint, "--json").json["trust"] == "trusted"
        assert command("cert", "delete", certificate.fingerprint).code == 0
    assert teach() == [Learning.DELETED] * 2
    assert not any(name in command("cert", "list").out for name in people)
