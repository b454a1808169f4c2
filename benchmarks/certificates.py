"""How long a page of certificates takes: ``python -m benchmarks.certificates [--rows N] [DATABASE]``.

A store is filled with made-up rows around one real certificate, which lists never read: as many leaves as asked for,
some expired, some superseded at the same address, some learned and pending, some with a key here, and 200 authorities.
``DATABASE``: ``sqlite``, or the URL of an empty PostgreSQL database. Prints for each question the
median and the least time, and with SQLite, which runs in this process, the least CPU time, in milliseconds.
"""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from sqlalchemy import insert

from gateway.policy.state import State
from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.certificates.facts import facts
from gateway.store.certificates.listing import Filter
from gateway.store.certificates.said import BY_ITSELF, Origin, Trust
from tests.authority import Authority

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
AUTHORITIES, KEYS = 200, 60
LIMIT = 50
ROUNDS = 10
AT_ONCE = 2_000


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", nargs="?", default="sqlite")
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        store = open_store(StoreOptions(Path(folder) / "state", options.database), durable=False)
        fill(store, options.rows)
        print(f"{'':28}{'median':>10}{'least':>10}{'CPU':>10}")
        for name, took in measured(store, options.rows):
            walls, cpus = zip(*took, strict=True)
            print(f"{name:28}{median(walls):10.1f}{min(walls):10.1f}{min(cpus):10.1f}")
        store.close()


def fill(store: Store, count: int) -> None:
    """Store so many made-up certificates, the authorities' beside them."""
    chance = Random(1)
    same = real()
    rows = [same | made(number, chance, is_ca=number < AUTHORITIES) for number in range(count + AUTHORITIES)]
    with store.database.change() as connection:
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            connection.execute(insert(schema.certificates), some)
            held = [
                {"address": address(start + place), "fingerprint": row["fingerprint"]}
                for place, row in enumerate(some)
                if not row["is_ca"]
            ]
            if held:
                connection.execute(insert(schema.addresses), held)
        own = [row["public_key_id"] for row in rows[AUTHORITIES :: count // KEYS]]
        key = {"kind": "rsa", "size": 2048, "wrapped": bytes(1200), "protected": None}
        connection.execute(insert(schema.keys), [key | {"public_key_id": name} for name in own])
        if not store.database.is_sqlite:
            connection.exec_driver_sql("ANALYZE")


def address(number: int) -> str:
    """Every twentieth certificate shares its address with the one before."""
    owner = number - (number % 20 == 0)
    return f"customer{owner}@domain{owner % 977}.example"


def made(number: int, chance: Random, *, is_ca: bool) -> dict[str, Any]:
    """Return what is a row's own: a leaf's, or an authority's."""
    begins = AT - chance.randrange(900) * DAY - timedelta(seconds=number)
    learned = not is_ca and chance.random() < 0.1
    name = sha256(b"%d" % number).hexdigest()
    return {
        "fingerprint": name,
        "public_key_id": sha256(name.encode()).hexdigest(),
        "subject": f"CN=Customer {number},O=Company {number % 977},C=DE",
        "mail_names": f'["customer{number}@domain{number % 977}.example"]',
        "not_before": begins,
        "not_after": begins + 825 * DAY,
        "is_ca": is_ca,
        "may_sign": not is_ca,
        "may_encrypt": not is_ca,
        "trust": Trust.NONE if learned else Trust.TRUSTED,
        "origin": Origin.LEARNED if learned else Origin.IMPORTED,
        "pending": learned,
    }


def measured(store: Store, rows: int) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Yield how many milliseconds each question took, every time."""
    questions = {
        "all": Filter(),
        "leaves": Filter(is_ca=False),
        "authorities": Filter(is_ca=True),
        "with a key": Filter(with_key=True),
        "expiring in 30 days": Filter(expiring=AT + 30 * DAY),
        "own, expiring in 30 days": Filter(with_key=True, expiring=AT + 30 * DAY),
        **{str(state): Filter(state=state) for state in State if state is not State.WAITING},
        "text: an address": Filter(text=f"customer{rows // 2}@"),
        "text: a company": Filter(text="company 500"),
        "text: nothing": Filter(text="nobody of that name"),
    }
    for name, wanted in questions.items():
        yield name, [timed(store, wanted, None) for _ in range(ROUNDS)]
    far = store.listing.page(Filter(state=State.CURRENT), AT, limit=10_000)[-1].entry.certificate.fingerprint
    yield "all, far behind", [timed(store, Filter(), far) for _ in range(ROUNDS)]


def timed(store: Store, wanted: Filter, after: str | None) -> tuple[float, float]:
    """Return the milliseconds of one page, and those of this process's CPU time."""
    start, used = perf_counter(), process_time()
    store.listing.page(wanted, AT, after, LIMIT)
    return (perf_counter() - start) * 1000, (process_time() - used) * 1000


def real() -> dict[str, Any]:
    """Return what all rows have in common."""
    certificate = Authority("rsa-2048").leaf("customer@domain.example").certificate
    return facts(certificate) | {
        "der": certificate.der,
        "issuer": certificate.issuer,
        "added_at": AT,
        "changed_at": AT,
        "changed_by": BY_ITSELF,
    }


if __name__ == "__main__":
    main()
