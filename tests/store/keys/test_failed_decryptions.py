"""Failures are counted over all processes that share the store."""

from datetime import UTC, datetime, timedelta

from gateway.store import Store, StoreOptions, open_store

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_dec_08_failures_are_those_of_all_processes_by_key(options: StoreOptions) -> None:
    one, other = open_store(options, durable=False), open_store(options, durable=False)
    for _ in range(3):
        one.failures.note("key", AT)
    other.failures.note("key", AT)
    other.failures.note("another", AT)
    assert [store.failures.count("key", AT) for store in (one, other)] == [4, 4]
    assert one.failures.count("another", AT) == 1
    assert one.failures.count("none", AT) == 0


def test_rel_10_only_those_of_the_hour_count_even_where_the_clock_was_set_back(store: Store) -> None:
    ahead = AT + timedelta(days=3652)
    store.failures.note("key", ahead)
    assert store.failures.count("key", ahead + HOUR - timedelta(seconds=1)) == 1
    assert store.failures.count("key", ahead + HOUR) == 0
    assert store.failures.count("key", AT) == 0


def test_what_counts_no_more_is_forgotten(store: Store) -> None:
    for minutes in (0, 30, 90, 600):
        store.failures.note("key", AT + timedelta(minutes=minutes))
    assert store.failures.prune(AT + timedelta(minutes=80)) == 2
    assert store.failures.count("key", AT + timedelta(minutes=80)) == 2
