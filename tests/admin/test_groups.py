"""What holds for each group, defaults included, and until when it can sign; on both databases."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.admin.groups import listed
from gateway.clock import now
from gateway.policy.rule import Level, ReplyRule
from gateway.store import StoreOptions
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.authority import Authority, Issued

SETTINGS = """
defaults: {sign: if-possible, encrypt: never}
algorithms: {sign: {digest: sha384}, encrypt: {cipher: aes-256-gcm}}
inbound: {hold: {redeliver: all}}
groups:
  - name: support
    addresses: [support@example.org, "@help.example.org"]
    recipients: [inbox@mail.example.org]
    replies_to_encrypted: require
    submitters: {clients: ["192.0.2.0/24"], users: [desk]}
    algorithms: {sign: {form: opaque}}
  - {name: news, addresses: [news@example.org], sign: never, redeliver: manual}
"""


@pytest.fixture
def wiring(options: StoreOptions, tmp_path: Path) -> Wiring:
    file = tmp_path / "two.yaml"
    file.write_text(f"state: {options.state}\ndatabase: {options.database}\nhostname: gw.example.org\n{SETTINGS}")
    return Wiring(file)


def test_the_policy_is_told_with_what_it_inherits(wiring: Wiring) -> None:
    support, news = listed(wiring)
    assert (support.sign, support.encrypt, support.replies_to_encrypted) == (
        Level.IF_POSSIBLE,
        Level.NEVER,
        ReplyRule.REQUIRE,
    )
    assert support.submitters == ("192.0.2.0/24", "desk")
    assert (support.redeliver, news.redeliver) == ("all", "manual")
    made = support.algorithms
    assert (made.digest, made.form, made.cipher) == ("sha384", "opaque", "aes-256-gcm")
    assert news.algorithms.form == "clear"
    assert [group.name for group in listed(wiring, ("news",))] == ["news"]


def test_a_group_can_sign_until_the_first_of_its_addresses_cannot(wiring: Wiring, authority: Authority) -> None:
    def take(address: str, days: float) -> Issued:
        made = authority.leaf(address, kind="p256", not_after=now() + timedelta(days=days))
        import_file(wiring.store, made.pem() + made.key_pem(), [], ImportOptions())
        return made

    assert not listed(wiring)[0].signs
    first = take("support@example.org", 100)
    assert listed(wiring)[0].signs_until == first.certificate.not_after
    second = take("it@help.example.org", 10)
    support, news = listed(wiring)
    assert support.signs_until == second.certificate.not_after
    assert (news.signs, news.signs_until) == (False, None)
    assert [(each.address, each.signs_with) for each in support.names] == [
        ("support@example.org", first.certificate.fingerprint),
        ("it@help.example.org", second.certificate.fingerprint),
    ]
    assert [(each.sign_reason, each.encrypt_reason) for each in news.names] == [("no-certificate", "no-certificate")]
