"""What grows with the store: ``python -m benchmarks.scale [--certificates N…] [--records N…] [DATABASE]``.

A small store and a large one, filled with made-up certificates, then with made-up records; the same questions of both.
Prints the least time of each in milliseconds, and how many times the small one's the large one's is. ``DATABASE``:
``sqlite``, or the URL of a PostgreSQL database, whose tables are emptied.
"""

import argparse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks import certificates
from gateway.engine.record import Record
from gateway.engine.transaction import Direction, FrontEnd, Verdict
from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.certificates.census import count_certificates
from gateway.store.certificates.listing import Filter
from gateway.store.journal.records import Query

AT = datetime(2026, 6, 1, tzinfo=UTC)
SMALL_CERTIFICATES, SMALL_RECORDS = 1_000, 10_000
ROUNDS = 15
AT_ONCE = 5_000
RARE = 50_000
"""One record of so many has a verdict that nearly none has; one of 500 another."""
APART = timedelta(seconds=8)
"""Between two records: a million is about three months."""
Question = Callable[[Store], object]
Times = dict[str, float]


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", nargs="?", default="sqlite")
    parser.add_argument("--certificates", type=int, default=100_000)
    parser.add_argument("--records", type=int, default=1_000_000)
    options = parser.parse_args()
    print(f"{'milliseconds':34}{'small':>10}{'large':>10}{'ratio':>8}")
    _compare(options.database, _with_certificates, SMALL_CERTIFICATES, options.certificates, _about_certificates)
    _compare(options.database, _with_records, SMALL_RECORDS, options.records, _about_records)


def _compare(
    database: str,
    fill: Callable[[Store, int], None],
    small: int,
    large: int,
    questions: Callable[[int], Iterator[tuple[str, Question]]],
) -> None:
    """Ask the small store, then the large one; a PostgreSQL database holds one after the other."""
    times: list[Times] = []
    for count in (small, large):
        with TemporaryDirectory() as folder:
            store = open_store(StoreOptions(Path(folder) / "state", database), durable=False)
            _empty(store)
            fill(store, count)
            times.append({name: _least(store, question) for name, question in questions(count)})
            store.close()
    for name, least in times[0].items():
        more = times[1][name]
        print(f"{name:34}{least:10.2f}{more:10.2f}{more / least:8.2f}", flush=True)


def _empty(store: Store) -> None:
    with store.database.write() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            if table.name in ("records", "record_addresses", "record_names", "certificates", "addresses", "keys"):
                connection.execute(table.delete())


def _least(store: Store, question: Question) -> float:
    took = []
    for _ in range(ROUNDS):
        began = perf_counter()
        question(store)
        took.append((perf_counter() - began) * 1000)
    return min(took)


def _with_certificates(store: Store, count: int) -> None:
    certificates.fill(store, count)


def _about_certificates(count: int) -> Iterator[tuple[str, Question]]:
    wanted = certificates.address(count // 2 + 1)

    def found(store: Store) -> object:
        store.generation.expire()
        with store.database.change():
            pass  # what was in memory of it stays; what is not is asked for
        return store.certificates.find([wanted], AT)

    yield "look-up of an address", found
    yield "page of certificates", lambda store: store.listing.page(Filter(), AT, None, 50)
    yield "page, an address as text", lambda store: store.listing.page(Filter(text=wanted), AT, None, 50)
    yield "page, with a key", lambda store: store.listing.page(Filter(with_key=True), AT, None, 50)
    yield "count for metrics (once a minute)", lambda store: count_certificates(store.database, [AT])


def _with_records(store: Store, count: int) -> None:
    for start in range(0, count, AT_ONCE):
        store.journal.write([_record(number) for number in range(start, min(start + AT_ONCE, count))])
    if not store.database.is_sqlite:
        with store.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")


def _record(number: int) -> Record:
    name = sha256(b"%d" % number).hexdigest()[:22]
    customer = f"customer{number % 50_000}@domain{number % 977}.example"
    return Record(
        id=name,
        received_at=AT + number * APART,
        direction=Direction.INBOUND if number % 2 else Direction.OUTBOUND,
        front_end=FrontEnd.SMTP,
        door="inbound",
        sender=customer,
        recipients=("support@example.org",),
        message_id=f"<{name}@{number % 977}.example>",
        from_=customer,
        verdict=_VERDICTS.get(number % RARE, Verdict.RELAY),
        size=12_345,
    )


_VERDICTS = {7: Verdict.DEFER} | dict.fromkeys(range(0, RARE, 500), Verdict.REJECT)


def _about_records(count: int) -> Iterator[tuple[str, Question]]:
    customer = f"customer{count // 2 % 50_000}@domain{count // 2 % 977}.example"
    late = AT + (count - count // 50) * APART
    yield "newest page of records", lambda store: store.journal.page(Query(), limit=50)
    yield "records of an address", lambda store: store.journal.page(Query(address=customer), limit=50)
    yield "records by verdict", lambda store: store.journal.page(Query(status="reject"), limit=50)
    yield "records of a rare verdict", lambda store: store.journal.page(Query(status="defer"), limit=50)
    yield "records since a time", lambda store: store.journal.page(Query(since=late), limit=50)
    yield "record by its id", lambda store: store.journal.page(Query(id=_record(count // 2).id), limit=50)
    batch = iter(range(count, count + 100_000))
    yield "50 records written", lambda store: store.journal.write([_record(next(batch)) for _ in range(50)])


if __name__ == "__main__":
    main()
