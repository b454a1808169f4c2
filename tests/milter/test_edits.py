"""Edits, applied as Postfix applies them, give exactly the new message, and no more of them than needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.milter.edits import FIELDS as MOST
from gateway.milter.edits import LIMIT, Change, Inexpressible, Insert, edits
from tests.milter.model import apply

NAMES = st.sampled_from(["To", "to", "X-A", "Content-Type", "content-type", "Received", "MIME-Version", "X-B"])
VALUES = st.sampled_from(["", " ", " a", "b", " c\r\n\td", "\tx  ", " é ü", " " + "w" * 2500, " a\r\n b\r\n  c"])
FIELDS = st.lists(st.builds("{}:{}\r\n".format, NAMES, VALUES), max_size=8)
BODIES = st.sampled_from([b"", b"\r\n", b"text\r\n", b"no end", b"\r\n\r\n.\r\n", b"\xff\x00\r\n"])


def content(fields: list[str], body: bytes) -> bytes:
    return "".join(fields).encode() + b"\r\n" + body


@given(FIELDS, BODIES, FIELDS, BODIES)
def test_smt_13_edits_give_the_new_message(
    before: list[str], old_body: bytes, after: list[str], new_body: bytes
) -> None:
    old, new = content(before, old_body), content(after, new_body)
    assert apply(old, new, edits(old, new)) == new


@given(FIELDS, st.data(), BODIES)
def test_what_stays_is_not_touched(before: list[str], data: st.DataObject, body: bytes) -> None:
    """Dropping some fields and putting others on top takes exactly as many edits, where no two fields are alike."""
    before = list(dict.fromkeys(before))
    kept = data.draw(st.lists(st.booleans(), min_size=len(before), max_size=len(before)))
    top = [f"X-New-{number}: x\r\n" for number in range(data.draw(st.integers(0, 4)))]
    rest = [field for field, keep in zip(before, kept, strict=True) if keep]
    old, new = content(before, body), content(top + rest, body)
    found = edits(old, new)
    assert apply(old, new, found) == new
    assert found.body is None
    assert len(found.header) == len(top) + len(before) - len(rest)


def test_nothing_to_do() -> None:
    mail = content(["From: a@b\r\n", "To: c@d\r\n"], b"x\r\n")
    assert edits(mail, mail) == edits(mail, bytes(bytearray(mail)))
    assert edits(mail, mail).header == ()


def test_hdr_03_result_fields_stand_on_top_in_order() -> None:
    """HDR-03: above the mail server's own Received field; forged ones go."""
    old = content(["Received: x\r\n", "X-SMIME-Gateway-Id: forged\r\n", "From: a@b\r\n"], b"x\r\n")
    new = content(
        ["Authentication-Results: y\r\n", "X-SMIME-Gateway-Id: 1\r\n", "Received: x\r\n", "From: a@b\r\n"], b"x\r\n"
    )
    found = edits(old, new)
    assert found.header == (
        Change("X-SMIME-Gateway-Id", 1, ""),
        Insert(0, "Authentication-Results", " y"),
        Insert(1, "X-SMIME-Gateway-Id", " 1"),
    )


def test_hdr_03_a_forged_field_at_the_very_top_gets_no_result_in_its_place() -> None:
    """HDR-03: changed in place, a result would stand below the mail server's own Received field."""
    forged = ["x-smime-gateway-seal: forged\r\n", "Authentication-Results: y; smime=pass\r\n"]
    ours = ["X-SMIME-Gateway-Seal: v1\r\n", "Authentication-Results: y; smime=none\r\n", "X-SMIME-Gateway-Id: 1\r\n"]
    old, new = content([*forged, "From: a@b\r\n"], b"x\r\n"), content([*ours, "From: a@b\r\n"], b"x\r\n")
    found = edits(old, new)
    assert apply(old, new, found) == new
    assert [edit.position for edit in found.header if isinstance(edit, Insert)] == [0, 1, 2]


def test_a_field_changes_in_its_place() -> None:
    old = content(["From: a@b\r\n", "X-Gone: 1\r\n", "Content-Type: text/plain\r\n", "To: c@d\r\n"], b"x\r\n")
    new = content(["From: a@b\r\n", "content-type: multipart/signed;\r\n\tx=y\r\n", "To: c@d\r\n"], b"y\r\n")
    found = edits(old, new)
    assert found.header == (
        Change("content-type", 1, " multipart/signed;\n\tx=y"),
        Change("X-Gone", 1, ""),
    )
    assert found.body is not None
    assert new[found.body :] == b"y\r\n"


def test_the_right_one_of_several_goes() -> None:
    old = content(["X-A: 1\r\n", "x-a: 2\r\n", "X-A: 1\r\n", "X-A: 3\r\n"], b"")
    new = content(["X-A: 1\r\n", "x-a: 2\r\n", "X-A: 1\r\n"], b"")
    assert edits(old, new).header == (Change("X-A", 4, ""),)


def test_an_empty_value_is_never_a_change() -> None:
    """An empty value drops a field: one that is empty has to be inserted."""
    old, new = content(["X-A: 1\r\n"], b""), content(["X-A:\r\n"], b"")
    assert edits(old, new).header == (Change("X-A", 1, ""), Insert(0, "X-A", ""))


def test_octets_that_are_no_text_become_text() -> None:
    old = content(["From: a@b\r\n"], b"x")
    new = b"From: a@b\r\nContent-Disposition: attachment; filename=\xfc\x00\r\n\r\nx"
    assert edits(old, new).header == (Insert(2, "Content-Disposition", " attachment; filename=ü "),)


def test_octets_that_are_no_text_stay_where_they_are() -> None:
    old = b"Subject: \xfc\r\nX-A: 1\r\n\r\nx"
    assert edits(old, b"Subject: \xfc\r\n\r\nx").header == (Change("X-A", 1, ""),)


def test_new_without_an_empty_line_has_an_empty_body() -> None:
    old = content(["X-A: 1\r\n"], b"body")
    assert apply(old, b"X-A: 1\r\n", edits(old, b"X-A: 1\r\n")) == b"X-A: 1\r\n\r\n"


@pytest.mark.parametrize("line", ["From alice Mon Jun  1\r\n", "rubbish\r\n", "bad name: x\r\n"])
def test_a_line_that_is_no_field_cannot_be_expressed(line: str) -> None:
    with pytest.raises(Inexpressible):
        edits(content(["X-A: 1\r\n"], b""), content([line, "X-A: 1\r\n"], b""))


@pytest.mark.parametrize("name", ["X-SMIME-Gateway-Signature\v", "bad name", "From\u00a0"])
def test_a_line_that_is_no_field_is_dropped_by_what_stands_before_its_colon(name: str) -> None:
    old = content([f"{name}: 1\r\n", "X-A: 1\r\n", f"{name} : 2\r\n"], b"")
    new = content([f"{name}: 1\r\n", "X-A: 1\r\n"], b"")
    assert edits(old, new).header == (Change(name, 2, ""),)


def test_a_line_without_a_colon_cannot_be_dropped() -> None:
    with pytest.raises(Inexpressible):
        edits(content(["X-A: 1\r\n", "rubbish\r\n"], b""), content(["X-A: 1\r\n"], b""))


def test_edits_are_bounded() -> None:
    many = [f"X-{number}: x\r\n" for number in range(LIMIT + 1)]
    assert len(edits(content(many[1:], b""), content([], b"")).header) == LIMIT
    with pytest.raises(Inexpressible):
        edits(content(many, b""), content([], b""))


def test_lim_01_fields_by_the_million_are_not_compared() -> None:
    """LIM-01: where all stay as they are, results are put on top all the same; else it cannot be expressed."""
    old = content(["X-A: 1\r\n", *["a:\r\n"] * MOST], b"x\r\n")
    assert edits(old, b"X-New: 1\r\n" + old).header == (Insert(0, "X-New", " 1"),)
    with pytest.raises(Inexpressible):
        edits(old, b"X-New: 1\r\n" + old.removeprefix(b"X-A: 1\r\n") + b"y")


def test_a_header_is_the_end_of_another_only_where_a_field_begins() -> None:
    old, new = content(["b: x\r\n"], b""), content(["X-b: x\r\n"], b"")
    assert edits(old, new).header == (Change("b", 1, ""), Insert(0, "X-b", " x"))
    with pytest.raises(Inexpressible):
        edits(content([" fold\r\n"], b""), content(["X-A: 1\r\n", " fold\r\n"], b""))
