"""From a file to options: where it is looked for, and that one mistake hides no other."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import ConfigError, Options, effective, load, locate, parse
from gateway.errors import GatewayError
from tests.config.texts import door, group, options, problems


def test_where_the_file_is() -> None:
    variable = {"SMIME_GATEWAY_CONFIG": "/from/variable"}
    assert locate(Path("/given"), variable) == Path("/given")
    assert locate(None, variable) == Path("/from/variable")
    assert locate(None, {"SMIME_GATEWAY_CONFIG": ""}) == Path("/etc/smime-gateway/gateway.yaml")
    assert locate(None, {}) == Path("/etc/smime-gateway/gateway.yaml")


def test_the_variable_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "g.yaml").write_text("hostname: from.variable.example\n")
    monkeypatch.setenv("SMIME_GATEWAY_CONFIG", str(tmp_path / "g.yaml"))
    assert load(locate()).hostname == "from.variable.example"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml does not exist"):
        load(tmp_path / "gone.yaml")


def test_no_file_anywhere_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.config.reading.DEFAULT_PATH", tmp_path / "gateway.yaml")
    monkeypatch.delenv("SMIME_GATEWAY_CONFIG", raising=False)
    with pytest.raises(ConfigError) as caught:
        load()
    assert all(word in str(caught.value) for word in ("-c", "SMIME_GATEWAY_CONFIG", str(tmp_path / "gateway.yaml")))


@pytest.mark.parametrize("content", [b"", b"\n# nothing\n", b"{}", b"---\n", b"\xef\xbb\xbf# with a mark\n"])
def test_an_empty_file_takes_all_defaults(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "g.yaml").write_bytes(content)
    assert load(tmp_path / "g.yaml") == parse("")


@pytest.mark.parametrize(
    ("content", "word"), [(b"\xff\xfe\x00", "not UTF-8"), (b"a: [", "not YAML"), (b"- x", "mapping")]
)
def test_a_file_that_is_none(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "g.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=word):
        load(tmp_path / "g.yaml")


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


def test_every_problem_at_once_with_its_line() -> None:
    text = """
colour: red
learn: sometimes
workers: 0
workers: 1
listeners:
  - name: out
    direction: outbound
    listen: "127.0.0.1:2525"
    next_hop: "127.0.0.1:2526"
    clients: [10.0.0.0/33, 0.0.0.0/0]
    tls: {mode: starttls, certificate: /gone, key: /gone}
groups:
  - {name: a, addresses: [x@example.org]}
  - {name: b, addresses: [X@example.org], sign: sometimes}
"""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert [(problem.key, problem.line) for problem in caught.value.problems] == [
        ("colour", 2),
        ("learn", 3),
        ("workers", 4),
        ("workers", 5),
        ("listeners[0].clients[0]", 11),
        ("listeners[0].clients", 11),
        ("listeners[0].tls.certificate", 12),
        ("listeners[0].tls.key", 12),
        ("groups[1].sign", 15),
        ("groups[1].addresses[0]", 15),
    ]
    assert isinstance(caught.value, GatewayError)
    assert str(caught.value).splitlines()[0].startswith("colour: unknown key")


def test_paths_count_items_that_are_wrong_themselves() -> None:
    groups = [{"name": "a"}, group(name="b"), "nonsense", group(name="c", addresses=["bad", "support@example.org"])]
    found = problems(groups=groups)
    assert list(found) == ["groups[0].addresses", "groups[2]", "groups[3].addresses[0]", "groups[3].addresses[1]"]


def test_a_wrong_value_is_not_called_missing_as_well() -> None:
    found = problems(listeners=[door(tls={"mode": "starttls", "certificate": 7, "key": "x"}, name="a b")])
    assert sorted(found) == ["listeners[0].name", "listeners[0].tls.certificate", "listeners[0].tls.key"]


def test_a_password_in_a_wrong_place_is_never_repeated() -> None:
    login = {"user": "u", "password": "s3cret", "password_file": "s3cret"}
    found = problems(
        database="postgresql://u:s3cret@host/name",
        key_encryption_key="s3cret",
        listeners=[door(next_hop_auth=login)],
        password="s3cret",
    )
    assert len(found) == 5
    assert "s3cret" not in str(found)


def test_what_is_shown_reads_back_as_the_same() -> None:
    values: dict[str, Any] = {
        "listeners": [door(clients=["10.0.0.0/8", "::1"], auth="next-hop")],
        "groups": [group(sign="never", submitters={"clients": ["10.1.0.0/16"], "users": ["z"]})],
        "limits": {"message_size": 123456},
        "drain": "90s",
    }
    shown = effective(options(**values))
    again = parse(yaml.safe_dump(shown))
    assert effective(again) == shown


KEYS = st.sampled_from(
    [*Options.model_fields, "name", "listen", "clients", "addresses", "tls", "hold", "sign", "colour"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["127.0.0.1:25", "a@b.example", "outbound", "50MB", "10.0.0.0/8", "file:/x", "if-possible"])
)
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@given(st.dictionaries(KEYS, TREES, max_size=6))
@settings(max_examples=settings().max_examples * 3 // 2)
def test_any_tree_is_options_or_a_config_error(tree: dict[str, Any]) -> None:
    try:
        assert isinstance(parse(yaml.safe_dump(tree, allow_unicode=True)), Options)
    except ConfigError as error:
        assert error.problems


@given(st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"#%@\n\t \\0", max_size=40))
@settings(max_examples=settings().max_examples * 3)
def test_any_text_is_options_or_a_config_error(text: str) -> None:
    try:
        assert isinstance(parse(text), Options)
    except ConfigError as error:
        assert error.problems
