"""Which reports a sender wants, and which of them he may get (RFC 3461 §4.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.envelope import FAILURE, Recipient

WORDS = st.lists(st.sampled_from(("SUCCESS", "failure", "Delay")), min_size=1, unique=True).map(",".join)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((), {"FAILURE", "DELAY"}),
        (("ORCPT=rfc822;NOTIFY=SUCCESS",), {"FAILURE", "DELAY"}),
        (("notify=success,Failure",), {"SUCCESS", "FAILURE"}),
        (("NOTIFY=NEVER",), set()),
        (("NOTIFY=",), {""}),
    ],
)
def test_what_is_wanted(given: tuple[str, ...], wanted: set[str]) -> None:
    assert Recipient("a@b", given).reports == wanted


def test_what_is_left_of_it() -> None:
    recipient = Recipient("a@b", ("ORCPT=rfc822;x@y", "NOTIFY=SUCCESS,FAILURE"))
    assert recipient.limited_to(()).parameters == ("NOTIFY=NEVER", "ORCPT=rfc822;x@y")
    assert recipient.limited_to((FAILURE,)).parameters == ("NOTIFY=FAILURE", "ORCPT=rfc822;x@y")
    assert Recipient("a@b").limited_to((FAILURE,)) == Recipient("a@b", ("NOTIFY=FAILURE",))
    assert Recipient("a@b", ("NOTIFY=DELAY",)).limited_to((FAILURE,)).parameters == ("NOTIFY=NEVER",)


@given(WORDS, st.sets(st.sampled_from(("SUCCESS", "FAILURE", "DELAY"))))
def test_never_more_than_both_want(said: str, allowed: set[str]) -> None:
    limited = Recipient("a@b", (f"NOTIFY={said}",)).limited_to(allowed)
    assert limited.reports == allowed & set(said.upper().split(","))
    assert limited.limited_to(allowed) == limited
