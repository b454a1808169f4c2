"""The supervisor: fills posts with child processes, replaces one that dies or hangs, passes on stop and configuration.

It holds no mail, no keys and no connection to the store, so that it has nothing to fail on. A post may itself be a
supervisor with posts of its own (a milter door is one): above each stands a ``Superior``, the service manager or the
supervisor that started it.
"""

import faulthandler
import os
import selectors
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn, Protocol

from prometheus_client.multiprocess import mark_process_dead

from gateway import backoff
from gateway.config import Options
from gateway.errors import Fault, GatewayError
from gateway.log import logger
from gateway.mailflow.poison import PoisonWatch, Suspects, Working
from gateway.metrics import ERRORS, Kind, take_over
from gateway.processes.child import BEAT, Child, Post, framed
from gateway.processes.child_handle import ChildHandle

SIGNALS = {signal.SIGTERM, signal.SIGCHLD}
OUTSIDE = {signal.SIGINT, signal.SIGHUP}
"""What an administrator sends the first supervisor; all below ignore it: a terminal sends INT to every process."""
RESPAWN_DELAYS = (1.0, 10.0)
"""Seconds between a death and the successor: doubled from the first to the second while successors die young."""
YOUNG = 60.0
"""Age in seconds under which a death counts as a failed start."""
MARGIN = 4.0
"""Seconds a child may take beyond the drain, or after a second TERM, before it is killed."""
ADOPT_WITHIN = 5.0
"""Seconds in which all children must have taken over a new configuration."""


class Superior(Protocol):
    """To whom a supervisor reports."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there is something to receive; -1: HUP says so."""

    def receive(self) -> Options | None:
        """Return the new configuration, None where it is not to be used. Raises ``EOFError``: nobody is above."""

    def ready(self) -> None:
        """Hear that all children serve."""

    def alive(self) -> None:
        """Hear, every second, that all children answer."""

    def adopted(self, well: bool) -> None:
        """Hear whether all children took over the configuration received last."""

    def stopping(self) -> None:
        """Hear that the drain begins."""


class Supervisor:
    """Keeps posts filled until a stop."""

    def __init__(
        self,
        posts: Sequence[Post],
        options: Options,
        superior: Superior,
        suspects: Suspects,
        margin: float = MARGIN,
    ) -> None:
        """``margin`` of a supervisor below another must be smaller than the other's."""
        self._vacant = [(0.0, post) for post in posts]
        self._options = options
        self._superior = superior
        self._suspects = suspects
        self._margin = margin
        self._handles: dict[int, ChildHandle] = {}
        self._early_ends: Counter[str] = Counter()
        self._predecessors: dict[str, int] = {}
        self._ready = False
        self._stops = 0
        self._asked = False
        self._adopt_until: float | None = None
        self._selector = selectors.DefaultSelector()
        self._signals, self._wakeup = socket.socketpair()

    def run(self) -> None:
        """Fill the posts, keep them filled, and return when told to stop and all have gone.

        Raises ``Fault`` when a child that takes mail ends before all have been ready once.
        """
        self._watch_signals()
        if self._superior.fileno() >= 0:
            self._watch(self._superior.fileno(), self._renew)
        while not self._stops:
            self._fill_vacancies()
            self._turn()
            self._look_after()
        self._stop()

    # -- the loop -----------------------------------------------------------------------------------------------

    def _watch(self, descriptor: int, what: Callable[[], None]) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ, what)

    def _watch_signals(self) -> None:
        self._signals.setblocking(False)
        self._wakeup.setblocking(False)
        for number in SIGNALS if self._superior.fileno() >= 0 else SIGNALS | OUTSIDE:
            signal.signal(number, lambda *_: None)  # what counts is the byte in the wake-up descriptor
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        self._watch(self._signals.fileno(), self._take_signals)

    def _turn(self, seconds: float = BEAT) -> None:
        for key, _ in self._selector.select(seconds):
            key.data()
        self._reap()

    def _take_signals(self) -> None:
        received = self._signals.recv(4096)
        self._stops += sum(number in (signal.SIGTERM, signal.SIGINT) for number in received)
        self._asked = self._asked or signal.SIGHUP in received

    def _look_after(self) -> None:
        children = self._handles.values()
        for child in children:
            child.end_if_stuck()
        if self._ready and all(child.answers for child in children):
            self._superior.alive()
        if not self._ready and not self._awaited() and all(child.ready for child in children):
            self._ready = True
            self._superior.ready()
        self._see_who_adopted()
        # None before all serve, and one after the other: systemd takes the READY of a reload for that of the start.
        if self._asked and self._ready and self._adopt_until is None:
            self._asked = False
            self._renew()

    def _awaited(self) -> bool:
        """Whether a post is vacant that nothing starts without."""
        return any(post.takes_mail for _, post in self._vacant)

    # -- children -----------------------------------------------------------------------------------------------

    def _fill_vacancies(self) -> None:
        now = time.monotonic()
        due = [post for at, post in self._vacant if at <= now]
        self._vacant = [(at, post) for at, post in self._vacant if at > now]
        for post in due:
            self._fill(post)

    def _fill(self, post: Post) -> None:
        ours, theirs = socket.socketpair()
        working = Working()
        # A signal that came between fork and reset would wake the supervisor instead of the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS | OUTSIDE)
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._become(post, Child(theirs, self._options, PoisonWatch(self._suspects, working)))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS | OUTSIDE)
        theirs.close()
        handle = self._handles[pid] = ChildHandle(post, pid, ours, working)
        self._watch(ours.fileno(), partial(self._hear, handle))

    def _become(self, post: Post, child: Child) -> NoReturn:
        """Be the child: forget the supervisor, work, end."""
        code = 70
        try:
            self._forget()
            _show_name(f"smime: {post.name}")
            faulthandler.enable()
            take_over(self._predecessors.get(post.name))
            post.work(child)
            mark_process_dead(os.getpid())  # where the supervisor is gone, nobody else does
            code = 0
        except Exception as error:  # noqa: BLE001 - the last frame of a child
            kind = "" if isinstance(error, GatewayError) else f"{type(error).__name__}: "
            logger.error("%s: %s%s", post.name, kind, error)
        finally:
            os._exit(code)

    def _forget(self) -> None:
        """Close what is the supervisor's, so that its end is seen, and take signals as any process does."""
        signal.set_wakeup_fd(-1)
        for number in SIGNALS | OUTSIDE:
            signal.signal(number, signal.SIG_IGN if number in OUTSIDE else signal.SIG_DFL)
        self._selector.close()
        self._signals.close()
        self._wakeup.close()
        for other in self._handles.values():
            other.channel.close()
        if self._superior.fileno() >= 0:
            os.close(self._superior.fileno())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS | OUTSIDE)

    def _hear(self, handle: ChildHandle) -> None:
        if not handle.hear():
            self._selector.unregister(handle.channel)

    def _reap(self) -> None:
        for pid in list(self._handles):
            gone, status = os.waitpid(pid, os.WNOHANG)
            if gone:
                self._bury(self._handles.pop(pid), os.waitstatus_to_exitcode(status))

    def _bury(self, gone: ChildHandle, code: int) -> None:
        with suppress(KeyError):
            self._selector.unregister(gone.channel)
        gone.channel.close()
        under_way = gone.working.digests()
        gone.working.close()
        mark_process_dead(gone.pid)
        self._predecessors[gone.post.name] = gone.pid
        if self._stops:
            return
        if not self._ready and gone.post.takes_mail:
            self._stop()
            raise Fault(f"{gone.post.name} could not start; the lines above say why")
        for message in under_way:
            self._suspects.strike(message)
        ERRORS[Kind.WATCHDOG if gone.stuck else Kind.CHILD].inc()
        name = gone.post.name
        young = time.monotonic() - gone.since < YOUNG
        self._early_ends[name] = self._early_ends[name] + 1 if young else 1
        delay = backoff.pause(self._early_ends[name], *RESPAWN_DELAYS)
        self._vacant.append((time.monotonic() + delay, gone.post))
        logger.error("%s ended with %d; it is replaced in %g s", gone, code, delay)
        if under_way:
            logger.error("%s had %d messages under way; each is tried alone when it comes again", gone, len(under_way))

    # -- configuration ------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        """Pass a new configuration on; children that start later begin with it."""
        try:
            options = self._superior.receive()
        except EOFError:
            self._stops += 1
            return
        if options is None:
            return
        self._options = options
        configuration = framed(options)
        for child in self._handles.values():
            child.send(configuration)
        self._adopt_until = time.monotonic() + ADOPT_WITHIN

    def _see_who_adopted(self) -> None:
        """Report once all children have answered, or have had the time to."""
        if self._adopt_until is None:
            return
        children = self._handles.values()
        late = [child for child in children if child.owes]
        if late and time.monotonic() < self._adopt_until:
            return
        self._adopt_until = None
        for child in late:
            logger.error("reload: %s did not take over the new configuration within %d s", child, ADOPT_WITHIN)
        self._superior.adopted(not late and not any(child.refused for child in children))

    # -- the end ------------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        """Have all children drain; a second TERM, or the end of the drain, ends them."""
        self._superior.stopping()
        self._stops = max(self._stops, 1)
        if self._superior.fileno() >= 0:
            self._selector.unregister(self._superior.fileno())
        drain = self._options.drain.total_seconds()
        self._end(False, drain + self._margin)
        self._end(True, self._margin)

    def _end(self, last: bool, seconds: float) -> None:
        """End those that are asked last, or all others, within so many seconds."""
        self._signal(last, signal.SIGTERM)
        self._await_end(last, seconds, lambda: not last and self._stops > 1)
        if self._remain(last):
            self._signal(last, signal.SIGTERM)
            self._await_end(last, self._margin if self._stops > 1 else 0, lambda: False)
        self._signal(last, signal.SIGKILL)
        self._await_end(last, self._margin, lambda: False)

    def _remain(self, last: bool) -> list[ChildHandle]:
        return [child for child in self._handles.values() if child.post.last is last]

    def _await_end(self, last: bool, seconds: float, enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while self._remain(last) and not enough() and (left := deadline - time.monotonic()) > 0:
            self._turn(min(BEAT, left))

    def _signal(self, last: bool, number: signal.Signals) -> None:
        for child in self._remain(last):
            child.signal(number)


def _show_name(name: str) -> None:
    """Have ``ps`` and ``top`` show what this process is; 15 bytes of it (proc_pid_comm(5))."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name)
