"""One stage for each recipe, started when the first test asks for it."""

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.conftest import People
from tests.e2e.daemon import Daemon
from tests.e2e.recipes.stage import Addition, Stage
from tests.e2e.sink import KEYWORDS, Sink
from tests.tools import missing

ROUND = Addition(
    """
# By way of the shipped transport to a gateway before a server that knows no 8BITMIME (10095).
127.0.0.1:10091 inet n - y - - smtpd
    -o content_filter=smime-out:[127.0.0.1]:10093
# The mistake of a content_filter in main.cf: what comes out of the gateway goes in again.
127.0.0.1:10092 inet n - y - - smtpd
    -o content_filter=smime-out:[127.0.0.1]:10094
""",
    """
- {name: old, direction: outbound, listen: "127.0.0.1:10093", next_hop: "127.0.0.1:10095"}
- {name: round, direction: outbound, listen: "127.0.0.1:10094", next_hop: "127.0.0.1:10092"}
""",
)


@pytest.fixture(scope="session")
def store(people: People) -> Iterator[Path]:
    """A state folder that knows the people."""
    with Daemon({"unused": 0}) as daemon:
        people.introduce(daemon)
        yield daemon.folder / "state"


@pytest.fixture(scope="session")
def stages(sink: Sink, store: Path) -> Iterator[Callable[[str], Stage]]:
    made: dict[str, Stage] = {}

    def stage(name: str) -> Stage:
        if name == "milter" and importlib.util.find_spec("milter") is None:
            missing("pymilter")
        if name not in made:
            made[name] = Stage(name, sink, store, ROUND if name == "content-filter" else None)
            made[name].start()
        return made[name]

    yield stage
    with ThreadPoolExecutor() as pool:
        list(pool.map(Stage.stop, made.values()))


@pytest.fixture
def stage(request: pytest.FixtureRequest, stages: Callable[[str], Stage]) -> Stage:
    """The stage of the recipe that the test is parametrised with."""
    return stages(request.param)


@pytest.fixture(scope="session")
def old_sink(stages: Callable[[str], Stage]) -> Iterator[Sink]:
    """The server without 8BITMIME."""
    keywords = tuple(word for word in KEYWORDS if word not in ("8BITMIME", "SMTPUTF8"))
    sink = Sink(stages("content-filter").ports[10095], keywords).start()
    yield sink
    sink.stop()
