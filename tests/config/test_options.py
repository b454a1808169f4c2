"""Every key, its default, and that nothing else is taken."""

import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.config import Milter, Options, effective, schema
from gateway.config.section import Section
from tests.config.texts import door, group, options, problems

LOOPBACK = ["127.0.0.0/8", "::1/128"]
NO_TLS = {"mode": "none", "certificate": None, "key": None}
DOOR = {"clients": LOOPBACK, "tls": NO_TLS, "auth": "none", "next_hop_tls": "none", "next_hop_auth": None}
DEFAULTS: dict[str, Any] = {
    "enabled": True,
    "hostname": "gw.example.org",
    "authserv_id": "smime.gw.example.org",
    "authserv_ids_removed": [],
    "state": "/var/lib/smime-gateway",
    "database": "sqlite",
    "key_encryption_key": None,
    "workers": "auto",
    "listeners": [
        {
            "name": "outbound",
            "direction": "outbound",
            "listen": "127.0.0.1:10025",
            "next_hop": "127.0.0.1:10026",
            **DOOR,
        },
        {"name": "inbound", "direction": "inbound", "listen": "127.0.0.1:10024", "next_hop": "127.0.0.1:10027", **DOOR},
    ],
    "milters": [],
    "groups": [],
    "defaults": {"sign": "if-possible", "encrypt": "if-possible"},
    "unknown_sender": "relay",
    "internal": {"addresses": [], "encrypt": "never"},
    "overrides": {"headers": True, "subject": {"sign": None, "encrypt": None, "plain": None}, "exempt": []},
    "inbound": {
        "domains": [],
        "opaque": "open",
        "clear": "keep",
        "notify": "never",
        "subject": "protected",
        "on_signature_fail": "tag",
        "on_signature_policy": "tag",
        "on_undecryptable": "tag",
        "decrypt_for": "addressee",
        "failed_decrypts_per_hour": 100,
        "revocation": "off",
        "hold": {
            "enabled": True,
            "keep": "all",
            "redeliver": "unreadable",
            "message_id": "new",
            "sender": "original",
            "next_hop": None,
            "auto_submitted": False,
            "retention": "30d",
            "max_size": "50MB",
            "max_total": "2GB",
            "max_per_sender": 20,
        },
    },
    "learn": "quarantine",
    "algorithms": {
        "sign": {"digest": "sha256", "rsa": "pkcs1v15", "form": "clear"},
        "encrypt": {"cipher": "aes-256-cbc", "rsa": "pkcs1v15"},
        "accept_legacy": False,
    },
    "addresses": {"local_part_case": "fold", "recipient_delimiter": "+", "subject_email": "inbound"},
    "limits": {"message_size": "50MB", "connections": 200, "connections_per_client": 50, "copies": 16},
    "retention": {"log": "90d", "ledger": "5d", "personal": None, "replies": "400d", "audit": "3650d"},
    "database_pool": 5,
    "discovery": {"sources": [], "on_arrival": True, "timeout": "3s", "negative": "1d", "refresh": "7d"},
    "partners": [],
    "drain": "30s",
    "admin": {"listen": "127.0.0.1:9425", "tls": None, "url": None, "proxies": []},
    "metrics": {"listen": "127.0.0.1:9426"},
    "log": {"format": "text"},
}
"""The public surface, written out."""


def test_the_defaults_are_the_public_surface() -> None:
    assert effective(options()) == DEFAULTS


def test_a_group_has_defaults() -> None:
    shown = effective(options(groups=[group()], defaults={"sign": "required"}))["groups"][0]
    assert shown == {
        "name": "support",
        "addresses": ["support@example.org"],
        "recipients": [],
        "sign": "required",
        "encrypt": "if-possible",
        "replies_to_encrypted": "warn",
        "submitters": {"clients": [], "users": []},
        "redeliver": None,
        "domain_key": None,
        "minimum": None,
        "invitation": None,
        "algorithms": None,
    }


def test_a_milter_has_a_default_mode() -> None:
    milter = Milter.model_validate({"name": "m", "direction": "inbound", "listen": "unix:/run/m"})
    assert milter.model_dump(mode="json") == {
        "name": "m",
        "direction": "inbound",
        "listen": "unix:/run/m",
        "mode": "0660",
    }


def test_the_hostname_is_the_machines_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: "Mail.Example.net")
    assert (options(hostname=None).hostname, options(hostname=None).authserv_id) == (
        "mail.example.net",
        "smime.mail.example.net",
    )


def test_localhost_is_no_name_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: "localhost")
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    assert options(hostname=None).hostname == "box"


def test_a_machine_whose_name_is_no_host_name_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: "my host!")
    found = problems(hostname=None, colour="red")
    assert sorted(found) == ["colour", "hostname"]
    assert found["hostname"].startswith("the machine's own name is no host name")


def test_a_wrong_hostname_is_one_problem() -> None:
    assert list(problems(hostname="a b")) == ["hostname"]


def test_options_cannot_be_changed() -> None:
    made = options(groups=[group()])
    for section in (made, made.limits, made.groups[0], made.listeners[0].tls):
        with pytest.raises(ValueError, match="frozen"):
            setattr(section, next(iter(type(section).model_fields)), None)


def full() -> dict[str, Any]:
    """A configuration in which every section stands, those within lists too."""
    doors = [door(next_hop_auth={"user": "u", "password_file": "/nowhere"})]
    milters = [{"name": "m", "direction": "inbound", "listen": "unix:/run/m"}]
    source = {"name": "s", "kind": "ldap", "domains": ["*"]}
    return {
        "hostname": "gw.example.org",
        "listeners": doors,
        "milters": milters,
        "groups": [group(submitters={})],
        "discovery": {"sources": [source]},
        "partners": [{"name": "p", "domains": ["bank.example"]}],
    }


def sections() -> Iterator[tuple[tuple[str | int, ...], type[BaseModel]]]:
    """The path of every mapping a file can hold, with its type."""

    def below(
        model: type[BaseModel], path: tuple[str | int, ...]
    ) -> Iterator[tuple[tuple[str | int, ...], type[BaseModel]]]:
        yield path, model
        for name, field in model.model_fields.items():
            many = typing.get_origin(field.annotation) is tuple
            for kind in (field.annotation, *typing.get_args(field.annotation)):
                if isinstance(kind, type) and issubclass(kind, BaseModel):
                    yield from below(kind, (*path, name, 0) if many else (*path, name))

    return below(Options, ())


@pytest.mark.parametrize("path", [path for path, _ in sections()], ids=lambda path: ".".join(map(str, path)) or "top")
def test_an_unknown_key_anywhere_is_an_error_that_names_it(path: tuple[str | int, ...]) -> None:
    values = full()
    place: Any = values
    for step in path:
        if isinstance(step, str) and isinstance(place, dict):
            place.setdefault(step, {})
        place = place[step]
    place["colour"] = "red"
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in (*path, "colour"))[1:]
    assert "unknown key" in problems(**values)[key]


def test_no_section_was_forgotten() -> None:
    assert {model for _, model in sections()} == set(Section.__subclasses__())


def test_an_unknown_key_gets_the_nearest_known_one() -> None:
    found = problems(limit={}, groups=[group(adresses=[])], listeners=[door(next_hop_auth={"password-file": "x"})])
    assert "did you mean limits?" in found["limit"]
    assert "did you mean addresses?" in found["groups[0].adresses"]
    assert "did you mean password_file?" in found["listeners[0].next_hop_auth.password-file"]


def test_an_unknown_key_like_no_other_gets_the_list() -> None:
    assert "known here: format" in problems(log={"xyz": 1})["log.xyz"]


def test_a_key_without_value_says_so() -> None:
    assert problems(groups=None) == {"groups": "has no value; give one, or remove the key"}


@pytest.mark.parametrize(
    ("values", "key", "word"),
    [
        ({"enabled": "perhaps"}, "enabled", "true or false"),
        ({"groups": "all"}, "groups", "must be a list"),
        ({"groups": ["support"]}, "groups[0]", "must be a mapping"),
        ({"limits": 5}, "limits", "must be a mapping"),
        ({"limits": {"connections": "many"}}, "limits.connections", "whole number"),
        ({"limits": {"connections": 0}}, "limits.connections", "greater than or equal to 1"),
        ({"limits": {"copies": 10**12}}, "limits.copies", "less than or equal"),
        ({"unknown_sender": "drop"}, "unknown_sender", "must be relay or reject"),
        ({"defaults": {"sign": "always"}}, "defaults.sign", "must be never, if-possible or required"),
        ({"listeners": [door(clients=[])]}, "listeners[0].clients", "must not be empty"),
        ({"listeners": [door(name="a b")]}, "listeners[0].name", "should match pattern"),
        ({"groups": [{"name": "x"}]}, "groups[0].addresses", "missing"),
        ({"groups": [group(addresses=[])]}, "groups[0].addresses", "must not be empty"),
        ({"overrides": {"subject": {"sign": " "}}}, "overrides.subject.sign", "printable"),
        ({"log": {"format": ["text"]}}, "log.format", "must be text or json"),
    ],
)
def test_a_wrong_value_says_what_it_must_be(values: dict[str, Any], key: str, word: str) -> None:
    found = problems(**values)
    assert list(found) == [key]
    assert word in found[key]


@pytest.mark.parametrize("word", ["yes", "on", "true", True])
def test_the_usual_words_for_true(word: object) -> None:
    assert options(enabled=word).enabled is True


def test_numbers_stand_for_text_where_text_is_wanted() -> None:
    assert options(groups=[group(name=42)]).groups[0].name == "42"


def test_the_schema_describes_every_key() -> None:
    described = schema()
    for model in (described, *described["$defs"].values()):
        if "properties" in model:
            assert model["additionalProperties"] is False
            assert all(key.get("description") for key in model["properties"].values())
    assert described["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(described["properties"]) == set(DEFAULTS)


def test_the_schema_knows_defaults_as_a_file_writes_them() -> None:
    limits = schema()["$defs"]["Limits"]["properties"]
    assert limits["message_size"]["default"] == "50MB"
    assert limits["connections"]["default"] == 200
    assert schema()["properties"]["listeners"]["default"][0]["listen"] == "127.0.0.1:10025"
