"""Several processes, one sum: real forks, real kills, in a folder of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import pytest
from prometheus_client.multiprocess import mark_process_dead

from gateway.metrics import ERRORS, PROCESSES, RELOAD, SESSIONS, STAGES, Kind, Role, Stage, processes, take_over
from tests.metrics.parsing import page

Work = Callable[[], None]


class Process:
    """A child that goes on where ``predecessor`` stopped, does its work, and then lives until it is killed."""

    def __init__(self, work: Work, predecessor: int | None = None) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                take_over(predecessor)
                work()
                os.write(writing, b".")
                signal.pause()
            finally:
                os._exit(1)
        os.close(writing)
        assert os.read(reading, 1) == b"."
        os.close(reading)

    def kill(self) -> int:
        """End it at once, and bury it as a supervisor does; return its id."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        mark_process_dead(self.pid)
        return self.pid


Start = Callable[..., Process]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where children count: they open their files after the fork. The test's own process goes on counting elsewhere."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    running: list[Process] = []

    def start(work: Work, predecessor: int | None = None) -> Process:
        running.append(Process(work, predecessor))
        return running[-1]

    yield start
    for process in running:
        try:
            process.kill()
        except (ProcessLookupError, ChildProcessError):
            continue


def errors() -> float:
    return page()["errors_total"].value(kind="store")


def sessions() -> float:
    return page()["sessions"].value(front_end="smtp")


def at_work() -> None:
    """Three errors, two sessions."""
    ERRORS[Kind.STORE].inc(3)
    SESSIONS["smtp"].set(2)
    PROCESSES[Role.WORKER].set(1)


def idle() -> None:
    PROCESSES[Role.WORKER].set(1)


def test_sums_over_processes(start: Start) -> None:
    start(at_work)
    start(at_work)
    assert (errors(), sessions()) == (6, 4)
    assert processes() == {"worker": 2, "milter": 0}


def test_a_killed_process_leaves_its_counters_and_takes_its_gauges(start: Start) -> None:
    first, _ = start(at_work), start(at_work)
    first.kill()
    assert (errors(), sessions()) == (6, 2)
    assert processes() == {"worker": 1, "milter": 0}


def test_a_successor_counts_on_and_begins_without_sessions(start: Start) -> None:
    gone = start(at_work).kill()
    successor = start(idle, gone)
    assert (errors(), sessions()) == (3, 0)
    gone = successor.kill()
    start(at_work, gone)
    assert (errors(), sessions()) == (6, 2)


def test_any_number_of_successions_takes_no_more_room(start: Start, folder: Path) -> None:
    gone = start(at_work).kill()
    files = len(list(folder.iterdir()))
    for _ in range(10):
        gone = start(at_work, gone).kill()
    assert errors() == 33
    assert len(list(folder.iterdir())) == files


def test_a_predecessor_that_never_counted_is_none(start: Start) -> None:
    start(at_work, 2**22 + 1)
    assert errors() == 3


def test_what_the_parent_counted_is_not_counted_again(start: Start) -> None:
    """The children's numbers begin at zero, whatever stood in memory when they were forked."""
    ERRORS[Kind.STORE].inc(1000)
    start(at_work)
    start(idle)
    assert errors() == 3


def test_a_childs_child_counts_for_itself(start: Start) -> None:
    """A milter's processes are forked by a child of the first supervisor."""

    def supervise() -> None:
        ERRORS[Kind.CHILD].inc()
        at_work()
        below = Process(at_work)
        below.kill()

    start(supervise)
    assert (errors(), sessions()) == (6, 2)
    assert page()["errors_total"].value(kind="child") == 1


def test_the_last_reload_is_told_by_one_process(start: Start) -> None:
    start(lambda: RELOAD.set(1))
    start(idle)
    assert page()["config_reload_success"].value() == 1


def test_threads_lose_nothing(start: Start) -> None:
    def count() -> None:
        counting = [Thread(target=lambda: [ERRORS[Kind.STORE].inc() for _ in range(20_000)]) for _ in range(4)]
        for thread in counting:
            thread.start()
        for thread in counting:
            thread.join()

    start(count)
    assert errors() == 80_000


def test_a_scrape_beside_deaths_and_successions(start: Start) -> None:
    """Files are renamed and removed while they are read; no scrape fails, and no counter falls."""
    gone = start(at_work).kill()
    seen: list[float] = []
    enough = Event()

    def scrape() -> None:
        while not enough.is_set():
            seen.append(errors())
        seen.append(errors())

    with ThreadPoolExecutor(1) as threads:
        scraping = threads.submit(scrape)
        for _ in range(20):
            gone = start(at_work, gone).kill()
        enough.set()
        scraping.result()
    assert seen == sorted(seen)
    assert seen[-1] == 63


def test_a_timed_stage_that_fails_is_timed(start: Start) -> None:
    def fail() -> None:
        try:
            with STAGES[Stage.PROCESS].time():
                raise ValueError
        except ValueError:
            return

    start(fail)
    assert page()["stage_duration_seconds"].value("_count", stage="process") == 1


def test_no_folder_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "gone"))
    pid = os.fork()
    if pid == 0:
        try:
            take_over(None)
        except OSError:
            os._exit(3)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3


LOADED = (
    "import sys, gateway.cli.command;"
    " print([name for name in sys.modules if 'prometheus' in name or '.processes' in name])"
)


def test_commands_need_no_folder(tmp_path: Path) -> None:
    """Only ``serve`` loads what counts, and only ``serve`` makes a folder."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PROMETHEUS")}
    plain |= {"TMPDIR": str(tmp_path), "RUNTIME_DIRECTORY": str(tmp_path)}
    found = subprocess.run([sys.executable, "-c", LOADED], env=plain, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
    counting = "from gateway.metrics import ERRORS; ERRORS['store'].inc()"
    subprocess.run([sys.executable, "-c", counting], env=plain, check=True)
    assert not list(tmp_path.iterdir())


def test_a_start_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    config, runtime = tmp_path / "gateway.yaml", tmp_path / "runtime"
    config.write_text("colour: red\nworkers: none\n")
    runtime.mkdir()
    command = [sys.executable, "-m", "gateway", "-c", str(config), "serve"]
    environment = os.environ | {"RUNTIME_DIRECTORY": str(runtime)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["colour", "workers"]
    assert not list(runtime.iterdir())
