"""Posts and their children: death, succession, stop and configuration, with real processes that do nothing else."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from gateway.config import Options
from gateway.errors import Fault
from gateway.processes import supervisor
from gateway.processes.child import Child, Post
from gateway.processes.supervisor import Supervisor
from tests.e2e.daemon import poll
from tests.processes.crew import Crew, Say, Told, Work, attend, gone, serving


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "RESPAWN_DELAYS", (0.01, 0.04))


def never_ready(child: Child, say: Say) -> None:
    child.receive()


def stubborn(child: Child, say: Say) -> None:
    """Takes no notice of TERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    serving(child, say)


def refusing(child: Child, say: Say) -> None:
    def adopt(options: Options) -> None:
        raise OSError("a file that is not there")

    attend(child, adopt)


def nested(child: Child, say: Say) -> None:
    """A supervisor with two children of its own."""

    def below(lower: Child) -> None:
        say(f"pid {os.getpid()}")
        serving(lower, say)

    posts = [Post("lower 1", below), Post("lower 2", below)]
    Supervisor(posts, child.options, child, child.poison.suspects, margin=0.4).run()


def nested_stubborn(child: Child, say: Say) -> None:
    def below(lower: Child) -> None:
        say(f"pid {os.getpid()}")
        stubborn(lower, say)

    Supervisor([Post("lower", below)], child.options, child, child.poison.suspects, margin=0.4).run()


def test_ready_when_all_are(tmp_path: Path) -> None:
    with Crew(tmp_path, ("one", serving), ("two", never_ready)) as crew:
        crew.await_("serving")
        crew.await_("pid", 2)
        assert not crew.said("ready")
    with Crew(tmp_path, ("one", serving), ("two", serving)) as crew:
        crew.await_("ready")
        assert len(set(crew.pids())) == 4


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("the port is taken"), "bad: OSError: the port is taken"),
        (Fault("another process listens there"), "bad: another process listens there"),
    ],
)
def test_a_child_that_cannot_start_ends_all(tmp_path: Path, error: Exception, told: str) -> None:
    def failing(child: Child, say: Say) -> None:
        raise error

    with Crew(tmp_path, ("good", serving), ("bad", failing)) as crew:
        assert crew.wait() == 75
        assert told in crew.log
        assert "bad could not start" in crew.log
        assert all(map(gone, crew.pids()))
    assert not crew.said("ready")


def test_the_dead_are_replaced(tmp_path: Path) -> None:
    with Crew(tmp_path, ("one", serving), ("two", serving)) as crew:
        crew.await_("ready")
        first, second = crew.pids()
        os.kill(first, signal.SIGKILL)
        crew.await_("serving", 3)
        assert gone(first)
        assert not gone(second)
        assert len(crew.said("ready")) == 1


def test_successors_that_die_young_are_replaced_ever_later(tmp_path: Path) -> None:
    """The pause between a death and the successor doubles up to a bound: a crash loop costs little."""
    with Crew(tmp_path, ("one", serving)) as crew:
        crew.await_("ready")
        for deaths in range(1, 6):
            os.kill(crew.pids()[-1], signal.SIGKILL)
            crew.await_("serving", deaths + 1)
        pauses = [line.split()[-2] for line in crew.log.splitlines() if "it is replaced in" in line]
        assert pauses == ["0.01", "0.02", "0.04", "0.04", "0.04"]


def test_rel_06_term_drains_and_a_second_one_does_not(tmp_path: Path) -> None:
    with Crew(tmp_path, ("one", serving), ("two", serving)) as crew:
        crew.await_("ready")
        crew.signal(signal.SIGTERM)
        assert crew.wait() == 0
        assert crew.said("stopping")
    with Crew(tmp_path, ("one", stubborn)) as crew:
        crew.await_("ready", 2)
        crew.signal(signal.SIGTERM)
        crew.await_("stopping", 2)
        crew.signal(signal.SIGTERM)
        assert crew.wait() == 0


def test_the_drain_has_an_end(tmp_path: Path) -> None:
    with Crew(tmp_path, ("one", stubborn)) as crew:
        crew.await_("ready")
        crew.signal(signal.SIGTERM)
        assert crew.wait() == 0
        assert all(map(gone, crew.pids()))


def test_children_go_when_the_supervisor_is_gone(tmp_path: Path) -> None:
    """Each child alone keeps the supervisor's ends of no others: all see the end of file."""
    with Crew(tmp_path, ("one", serving), ("two", serving), ("three", serving)) as crew:
        crew.await_("ready")
        crew.signal(signal.SIGKILL)
        poll(lambda: all(map(gone, crew.pids())), message="orphans stayed")


# -- configuration ----------------------------------------------------------------------------------------------


def test_rel_07_all_take_the_new_configuration_over(tmp_path: Path) -> None:
    with Crew(tmp_path, ("one", serving), ("two", serving)) as crew:
        crew.await_("ready")
        crew.signal(signal.SIGHUP)
        crew.await_("adopted True")
        assert len(crew.said("took r2.example.org")) == 2
        os.kill(crew.pids()[0], signal.SIGKILL)
        assert crew.await_("serving", 3)[-1] == "serving r2.example.org"


def test_rel_07_a_reload_waits_until_all_serve(tmp_path: Path) -> None:
    def slow(child: Child, say: Say) -> None:
        poll(lambda: (tmp_path / "go").exists())
        serving(child, say)

    with Crew(tmp_path, ("one", serving), ("two", slow)) as crew:
        crew.await_("pid", 2)
        crew.signal(signal.SIGHUP)
        crew.await_("serving")
        (tmp_path / "go").touch()
        crew.await_("adopted True")
        told = [line for line in crew.said() if line == "ready" or line.startswith("took")]
        assert told == ["ready", "took r2.example.org", "took r2.example.org"]


def test_rel_07_a_bad_configuration_reaches_nobody(tmp_path: Path) -> None:
    with Crew(tmp_path, ("one", serving), superior=lambda say: Told(say, bad=2)) as crew:
        crew.await_("ready")
        crew.signal(signal.SIGHUP)
        crew.await_("bad r2")
        crew.signal(signal.SIGHUP)
        crew.await_("adopted True")
        assert crew.said("took") == ["took r3.example.org"]


def test_rel_07_one_that_cannot_take_it_over_is_told(tmp_path: Path) -> None:
    with Crew(tmp_path, ("one", serving), ("two", refusing)) as crew:
        crew.await_("ready")
        crew.signal(signal.SIGHUP)
        crew.await_("adopted False")
        assert "this process keeps the old configuration" in crew.log
        assert "a file that is not there" in crew.log


def test_rel_07_one_that_does_not_answer_in_time_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "ADOPT_WITHIN", 0.1)
    with Crew(tmp_path, ("one", serving), ("two", serving)) as crew:
        crew.await_("ready")
        os.kill(crew.pids()[0], signal.SIGSTOP)
        crew.signal(signal.SIGHUP)
        crew.await_("adopted False")
        assert "did not take over the new configuration" in crew.log


# -- a supervisor below another ---------------------------------------------------------------------------------


def test_a_post_may_be_a_supervisor(tmp_path: Path) -> None:
    with Crew(tmp_path, ("upper", nested), ("one", serving)) as crew:
        crew.await_("ready")
        assert len(crew.said("serving")) == 3
        crew.signal(signal.SIGHUP)
        crew.await_("adopted True")
        assert len(crew.said("took r2.example.org")) == 3
        crew.signal(signal.SIGTERM)
        assert crew.wait() == 0
        assert all(map(gone, crew.pids()))


def test_all_floors_go_when_the_first_supervisor_is_gone(tmp_path: Path) -> None:
    with Crew(tmp_path, ("upper", nested)) as crew:
        crew.await_("ready")
        crew.signal(signal.SIGKILL)
        poll(lambda: all(map(gone, crew.pids())), message="orphans stayed")


def test_a_second_term_reaches_all_floors(tmp_path: Path) -> None:
    with Crew(tmp_path, ("upper", nested_stubborn)) as crew:
        crew.await_("ready")
        crew.signal(signal.SIGTERM)
        crew.await_("stopping")
        time.sleep(0.1)  # the first TERM must have arrived below, or the two are one
        crew.signal(signal.SIGTERM)
        assert crew.wait() == 0
        assert all(map(gone, crew.pids()))


def ending(name: str) -> Work:
    """Says that it was told to end, and takes a moment for it."""

    def work(child: Child, say: Say) -> None:
        told, tell = socket.socketpair()
        signal.signal(signal.SIGTERM, lambda *_: tell.send(b"."))
        child.ready()
        told.recv(1)
        say(f"told {name}")
        time.sleep(0.2)
        say(f"ended {name}")

    return work


def test_what_the_others_rest_on_ends_after_them(tmp_path: Path) -> None:
    with Crew(tmp_path, ("last", ending("last")), ("one", ending("one"))) as crew:
        crew.await_("ready")
        crew.signal(signal.SIGTERM)
        assert crew.wait() == 0
        assert [line for line in crew.said() if line.endswith(("last", "one"))] == [
            "told one",
            "ended one",
            "told last",
            "ended last",
        ]


@pytest.mark.usefixtures("interruptible")
def test_a_terminals_interrupt_is_one_stop(tmp_path: Path) -> None:
    """Ctrl-C goes to every process of a terminal; those below leave it to the first supervisor."""
    with Crew(tmp_path, ("upper", nested), ("one", serving)) as crew:
        crew.await_("ready")
        for pid in crew.pids():
            os.kill(pid, signal.SIGINT)
        crew.signal(signal.SIGHUP)
        crew.await_("adopted True")
        assert len(crew.said("took r2.example.org")) == 3
        crew.signal(signal.SIGINT)
        assert crew.wait() == 0
