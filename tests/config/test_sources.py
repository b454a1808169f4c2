"""Sources of certificates: what each kind needs and may not have, and what would give a secret away."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config import warnings
from tests.authority import Authority
from tests.config.texts import options, problems

LDAP = {"name": "a", "kind": "ldap", "domains": ["b.example"], "url": "ldap://127.0.0.1", "base": "dc=b"}
DNS = {"name": "a", "kind": "smimea", "domains": ["*"]}
WEB = {"name": "a", "kind": "http", "domains": ["b.example"], "url": "http://keys.b.example/{address}"}


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(authority.root.pem())
    return str(path)


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text("secret\n")
    return str(path)


def found(*sources: dict[str, Any], **more: Any) -> dict[str, str]:
    return problems(discovery={"sources": list(sources)} | more)


def test_what_is_right_is_taken(ca: str, password: str) -> None:
    login = {"bind_dn": "cn=us", "password_file": password}
    over_tls = LDAP | {"name": "b", "url": "ldaps://dir.b.example:3269", "ca": ca}
    started = LDAP | {"name": "c", "url": "ldap://dir.b.example", "ca": ca, "starttls": True}
    dns = DNS | {"name": "d", "minimum": "dnssec", "resolver": "127.0.0.1"}
    web = WEB | {"name": "e", "url": "https://keys.b.example/x?h={sha256}", "ca": ca}
    made = options(discovery={"sources": [LDAP | login, over_tls | login, started | login, dns, web]})
    assert [str(source.resolver) for source in made.discovery.sources if source.resolver] == ["127.0.0.1:53"]
    assert options(discovery={"sources": [WEB | {"domains": ["Bücher.example"]}]}).discovery.sources[0].domains == (
        "xn--bcher-kva.example",
    )


@pytest.mark.parametrize(
    ("source", "key", "word"),
    [
        ({key: value for key, value in LDAP.items() if key != "base"}, "base", "needs it"),
        (LDAP | {"url": "http://x"}, "url", "must be ldap://HOST"),
        (LDAP | {"url": "ldap://x/dc=b?mail"}, "url", "keys of their own"),
        (LDAP | {"url": "ldap://x:port"}, "url", "must be ldap://HOST"),
        (LDAP | {"url": "ldaps://x"}, "ca", "missing"),
        (LDAP | {"starttls": True}, "ca", "missing"),
        (LDAP | {"filter": "(mail=x)"}, "filter", "asks for nobody"),
        (LDAP | {"filter": "mail={address}"}, "filter", "parenthesis"),
        (LDAP | {"bind_dn": "cn=us"}, "bind_dn", "go together"),
        (LDAP | {"resolver": "127.0.0.1"}, "resolver", "no such key"),
        (LDAP | {"minimum": "dnssec"}, "minimum", "smimea"),
        (DNS | {"url": "https://x/{address}"}, "url", "no such key"),
        (DNS | {"minimum": "dnssec"}, "resolver", "on this machine"),
        (DNS | {"minimum": "dnssec", "resolver": "192.0.2.1"}, "resolver", "on this machine"),
        (DNS | {"resolver": "localhost"}, "resolver", "no IP address"),
        (WEB | {"url": "https://{domain}/{address}", "ca": None}, "url", "the host is fixed"),
        (WEB | {"url": "https://keys.example/{address}"}, "ca", "missing"),
        (WEB | {"domains": []}, "domains", "must not be empty"),
        (WEB | {"name": "a b"}, "name", ""),
    ],
)
def test_what_is_wrong_is_named(source: dict[str, Any], key: str, word: str) -> None:
    told = found(source)
    assert list(told) == [f"discovery.sources[0].{key}"]
    assert word in told[f"discovery.sources[0].{key}"]


def test_files_are_looked_at(ca: str, password: str, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    key = "discovery.sources[0]."
    assert "no PEM" in found(LDAP | {"starttls": True, "ca": str(tmp_path / "empty.pem")})[f"{key}ca"]
    assert "does not exist" in found(LDAP | {"starttls": True, "ca": "/nowhere.pem"})[f"{key}ca"]
    assert "no TLS is used" in found(LDAP | {"ca": ca})[f"{key}ca"]
    Path(password).chmod(0o644)
    login = {"bind_dn": "cn=us", "password_file": password}
    assert "holds a secret" in found(LDAP | login)[f"{key}password_file"]


def test_no_password_goes_over_the_network_in_clear(password: str) -> None:
    login = {"bind_dn": "cn=us", "password_file": password, "url": "ldap://dir.b.example"}
    assert "in clear" in found(LDAP | login)["discovery.sources[0].bind_dn"]


def test_names_are_their_own_and_times_are_bounded() -> None:
    assert "choose another name" in found(LDAP, WEB)["discovery.sources[1].name"]
    assert "from 1s to 30s" in found(timeout="1m")["discovery.timeout"]
    assert set(found(negative="0s", refresh="0s")) == {"discovery.negative", "discovery.refresh"}


def test_what_is_told_to_whom_is_said() -> None:
    told = warnings(options(discovery={"sources": [WEB | {"domains": ["*"]}]}))
    assert any("every address that mail is exchanged with" in line for line in told)
    assert any("without TLS" in line for line in told)
