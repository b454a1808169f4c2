"""Pauses double and end at their bound, in seconds and in time."""

from datetime import timedelta

import pytest

from gateway.backoff import pause

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_each_pause_is_twice_the_one_before_up_to_the_longest() -> None:
    assert [pause(failures, 1.0, 30.0) for failures in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_pause_is_a_time_where_its_bounds_are() -> None:
    assert [pause(failures, MINUTE, HOUR) for failures in (1, 2, 6, 7)] == [MINUTE, 2 * MINUTE, 32 * MINUTE, HOUR]


@pytest.mark.parametrize("failures", [31, 1_000, 10**9])
def test_no_number_of_failures_is_too_many(failures: int) -> None:
    assert pause(failures, MINUTE, HOUR) == HOUR
