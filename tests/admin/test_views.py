"""Keys, CRLs, held mail, the composer's answer and the configuration, as views and in pages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.admin import activity, configuration, crls, held, keys
from gateway.admin.check import INCOMPLETE_CHAIN, Fate, checked
from gateway.admin.view import Page, as_json
from gateway.errors import Refused
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.authority import Authority
from tests.store.held.messages import held as hold
from tests.store.journal.records import record


def walked(ask: Callable[[str | None], Page[Any]]) -> list[Any]:
    """Return all of a list, page after page."""
    first = ask(None)
    found, following = [*first.items], first.next
    while following is not None:
        page = ask(following)
        assert len(page.items) == 1
        found += page.items
        following = page.next
    return found


def test_keys_in_pages(wiring: Wiring, authority: Authority) -> None:
    for number in range(3):
        made = authority.leaf(f"n{number}@example.com", kind="p256")
        import_file(wiring.store, made.pem() + made.key_pem(), [], ImportOptions())
    whole = keys.listed(wiring).items
    assert len(whole) == 3
    assert walked(lambda after: keys.listed(wiring, after, 1)) == list(whole)
    assert keys.shown(wiring, [whole[1].certificates[0], whole[1].public_key_id[:20]]) == [whole[1]]


def test_held_mail_in_pages(wiring: Wiring) -> None:
    for number in range(3):
        hold(wiring.store, content=b"%d" % number)
    whole = held.listed(wiring).items
    assert len(whole) == 3
    assert walked(lambda after: held.listed(wiring, after=after, limit=1)) == list(whole)
    assert held.listed(wiring, "nobody").items == ()
    with pytest.raises(Refused):
        held.listed(wiring, after="0" * 32)


def test_crls_in_pages(wiring: Wiring, authority: Authority) -> None:
    for issuer in (authority, Authority(name="Other"), Authority(name="Third")):
        der = issuer.revocation_list().public_bytes(Encoding.DER)
        import_file(wiring.store, der, [], ImportOptions())
    whole = crls.listed(wiring).items
    assert [view.issuer for view in whole] == sorted(view.issuer for view in whole)
    assert len(whole) == 3
    assert walked(lambda after: crls.listed(wiring, after, 1)) == list(whole)


def test_activity_in_pages_newest_first(wiring: Wiring) -> None:
    made = [record(f"{number:022x}", direction="inbound" if number % 2 else "outbound") for number in range(5)]
    made.append(record("f" * 22, retry_of=made[2].id))
    wiring.store.journal.write(made)
    for query, wanted in ((activity.Query(), made), (activity.Query(direction="inbound"), made[1:4:2])):
        found = walked(lambda after, query=query: activity.listed(wiring, query, after, 1))
        assert [document["id"] for document in found] == [each.id for each in reversed(wanted)]
    with pytest.raises(Refused, match="behind which"):
        activity.listed(wiring, activity.Query(), "0" * 21)


def test_the_answer_says_what_would_become_of_the_mail(stocked: Wiring, tmp_path: Path) -> None:
    found = checked(stocked, "support@example.org", ("bob@example.com",))
    assert (found.group, found.outcome, found.refusal) == ("support", Fate.RELAY, None)
    assert (found.sign.possible, found.chain_gap, found.encrypt.possible) == (True, None, False)
    assert [(each.address, each.reason) for each in found.encrypt.recipients] == [("bob@example.com", "no-certificate")]
    assert INCOMPLETE_CHAIN not in found.sign.notes


def test_a_refusal_is_told_with_its_reply(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    group = "{name: a, addresses: [a@example.org], encrypt: required}"
    file.write_text(f"state: {tmp_path / 'state'}\nhostname: gw.example.org\ngroups: [{group}]\n")
    found = checked(Wiring(file), "a@example.org", ("bob@example.com",))
    assert found.outcome is Fate.REFUSE
    assert (found.refusal or "").startswith("550 5.7.3")


def test_the_configuration_is_told_with_every_fault(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("colour: red\nlimits: {copies: 0}\n")
    found = configuration.checked(Wiring(file))
    assert (found.valid, found.file, found.warnings) == (False, str(file), ())
    assert [(each.key, each.line) for each in found.problems] == [("colour", 1), ("limits.copies", 2)]
    assert list(as_json(found)) == ["valid", "file", "problems", "warnings"]
