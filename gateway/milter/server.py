"""The milter protocol, spoken by libmilter through pymilter's C module.

One socket is opened, then processes are forked that all serve it; libmilter gives every connection a thread. What the
mail server tells is only collected and needs no answer (the protocol's no-reply options), so that a message costs one
answer: at its end. A fault on the way is kept until then and defers the message (row SMT-12).

Header values come and go byte for byte only with the leading-space option. Where a mail server does not offer it
(Postfix does, with its default ``milter_protocol = 6``), all its mail is deferred and the log says why.
"""

import logging
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import milter

from gateway.errors import Fault
from gateway.milter.service import Service
from gateway.milter.session import Session, answer
from gateway.reply import trouble

NAME = "smime-gateway"
ACTIONS = milter.ADDHDRS | milter.CHGHDRS | milter.CHGBODY | milter.CHGFROM
REPORTING = milter.DELRCPT | milter.ADDRCPT_PAR
"""What it takes to say which reports are wanted; a mail server without opens nothing."""
QUIET = milter.P_NR_CONN | milter.P_NR_HELO | milter.P_NR_MAIL | milter.P_NR_RCPT | milter.P_NR_HDR | milter.P_NR_BODY
UNUSED = milter.P_NODATA | milter.P_NOUNKNOWN | milter.P_NOEOH
TURN = 0.05
_logger = logging.getLogger(__name__)


class Server:
    """A milter socket, and the process that serves it. libmilter serves one socket in a process."""

    def __init__(self) -> None:
        self._service: Service | None = None
        self._thread: Thread | None = None
        self._sessions: set[Session] = set()
        self._draining = False

    def listen(self, address: str) -> None:
        """Open the socket (``unix:PATH``, ``inet:PORT@HOST``). Raises ``Fault``; libmilter tells syslog why."""
        milter.set_exception_policy(milter.TEMPFAIL)
        milter.set_flags(ACTIONS | REPORTING)
        milter.set_connect_callback(_collecting(milter.P_NR_CONN, Session.connect))
        milter.set_helo_callback(_collecting(milter.P_NR_HELO, Session.helo))
        milter.set_envfrom_callback(_collecting(milter.P_NR_MAIL, self._begin))
        milter.set_envrcpt_callback(_collecting(milter.P_NR_RCPT, Session.envrcpt))
        milter.set_header_callback(_collecting(milter.P_NR_HDR, Session.header))
        milter.set_body_callback(_collecting(milter.P_NR_BODY, Session.body))
        milter.set_eom_callback(self._eom)
        milter.set_abort_callback(_abort)
        milter.set_close_callback(self._close)
        milter.setconn(address)
        milter.register(NAME, negotiate=self._negotiate)
        try:
            milter.opensocket(False)
        except milter.error as error:
            raise Fault(f"cannot listen on {address}; the system's mail log says why") from error

    def start(self, service: Service) -> None:
        """Serve, in threads of libmilter's. No process may be forked from this one afterwards."""
        self._service = service
        self._thread = Thread(target=milter.main, name="milter", daemon=True)
        self._thread.start()

    def renew(self, service: Service) -> None:
        """Serve under other options; a message at its end keeps those it began with."""
        self._service = service

    @property
    def sessions(self) -> int:
        """How many connections are open."""
        return len(self._sessions)

    @property
    def serves(self) -> bool:
        """Whether connections are taken."""
        return self._thread is not None and self._thread.is_alive()

    def drain(self, patience: float) -> None:
        """Return when the messages under way have their answers, or after ``patience`` seconds; then end the process.

        Messages that begin meanwhile are deferred. libmilter's own way to stop would cut off those in their middle.
        """
        self._draining = True
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and any(session.busy for session in list(self._sessions)):
            time.sleep(TURN)
        time.sleep(TURN)  # libmilter sends the last answer after our callback has returned

    # -- what libmilter calls -----------------------------------------------------------------------------------

    def _negotiate(self, context: Any, options: list[int]) -> int:
        actions = options[0] & (ACTIONS | REPORTING)
        steps = options[1] & (milter.P_HDR_LEADSPC | QUIET | UNUSED)
        if actions & ACTIONS != ACTIONS or not steps & milter.P_HDR_LEADSPC:
            _logger.error("the mail server's milter protocol is too old for mail to be changed; its mail is deferred")
            steps &= ~milter.P_HDR_LEADSPC
        options[:] = [actions, steps, 0, 0]
        session = Session(steps, may_readdress=actions & REPORTING == REPORTING)
        context.setpriv(session)
        self._sessions.add(session)
        return int(milter.CONTINUE)

    def _begin(self, session: Session, sender: bytes, *parameters: bytes) -> None:
        assert self._service is not None
        if self._draining:
            session.forget()
        else:
            session.begin(self._service.message_size, sender, *parameters)

    def _eom(self, context: Any) -> int:
        service, session = self._service, context.getpriv()
        assert service is not None
        try:
            return answer(context, session.finish(context, service))
        except Exception:
            record_id = service.new_id()
            _logger.exception("%s: the milter failed at the end of a message", record_id)
            return answer(context, trouble(record_id))
        finally:
            session.busy = False

    def _close(self, context: Any) -> int:
        session = context.getpriv()
        self._sessions.discard(session)
        context.setpriv(None)
        return int(milter.CONTINUE)


def _collecting(step: int, method: Callable[..., None]) -> Callable[..., int]:
    """Return a callback that only collects; where nobody waits for its answer there is none."""

    def callback(context: Any, *values: Any) -> int:
        session = context.getpriv()
        try:
            method(session, *values)
        except Exception:
            _logger.exception("the milter failed on the way; the message is deferred")
            session.broken()
        return int(milter.NOREPLY if session.steps & step else milter.CONTINUE)

    return callback


def _abort(context: Any) -> int:
    context.getpriv().forget()
    return int(milter.CONTINUE)
