"""YAML as we read it: the core schema only, duplicates refused, nothing constructed, every line known."""

import pytest

from gateway.config.document import Document


def problems(text: str) -> list[str]:
    return [str(problem) for problem in Document(text).problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("no", "no"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("0660", "0660"),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("1.5", "1.5"),
        ("2026-01-01", "2026-01-01"),
        ("30", 30),
        ("-7", -7),
        ("'30'", "30"),
        ("~", None),
        ("", None),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_scalars_are_what_they_look_like(text: str, value: object) -> None:
    document = Document(f"key: {text}\n")
    assert document.values == {"key": value}
    assert document.problems == []


def test_a_key_written_twice_is_named_with_its_line() -> None:
    assert problems("a: 1\nb:\n  - c: 1\n    c: 2\na: 3\n") == [
        "b[0].c: written twice; keep one (line 4)",
        "a: written twice; keep one (line 5)",
    ]


def test_lines_of_values_and_of_what_is_around_them() -> None:
    document = Document("a: 1\nb:\n  - c: 1\n  - d: 2\n")
    assert document.line(("b", 1, "d")) == 4
    assert document.line(("b", 1, "absent")) == 4
    assert document.line(("b", 7)) == 2
    assert document.line(("absent",)) is None
    assert document.line(()) is None


def test_an_anchor_may_be_named_again() -> None:
    assert Document("a: &x [1, 2]\nb: *x\n").values == {"a": [1, 2], "b": [1, 2]}


def test_an_anchor_inside_itself_ends() -> None:
    assert Document("a: &x [1, *x]\n").values == {"a": [1, None]}


def test_aliases_of_aliases_cost_nothing() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    values = Document("\n".join(lines)).values
    assert isinstance(values, dict)
    assert len(values["a39"]) == 9


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['true']",
        "a: !!python/name:os.system ''",
        "a: !custom x",
        "a: !!set {x}",
        "a: !!int abc",
        "a: !!bool maybe",
        "a: !!timestamp nonsense",
        "a: !!binary '***'",
    ],
)
def test_key_10_tags_construct_nothing(text: str) -> None:
    """KEY-10: no tag makes an object, whatever it names."""
    assert problems(text) == ["a: YAML tags are not understood; write the plain value (line 1)"]
    assert Document(text).values == {"a": None}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a: [1, 2", "not YAML"),
        ("a: b: c", "not YAML"),
        ("a\n\tb: c", "not YAML"),
        ("a: \x07", "control characters"),
        ("a: 1\n---\nb: 2\n", "not YAML"),
        ("[" * 5000, "nested too deeply"),
        ("a: *unknown", "not YAML"),
        ("[1, 2]: x", "plain word"),
        (r'"a\nb": x', "plain word"),
        (r'"\uD800": x', "plain word"),
        (r'a: "/x\uD800"', "half a character"),
    ],
)
def test_what_is_not_yaml_is_one_problem(text: str, word: str) -> None:
    (problem,) = problems(text)
    assert word in problem


def test_a_syntax_error_has_its_line() -> None:
    assert Document("a: 1\nb: [1, 2\nc: 3\n").problems[0].line == 3
