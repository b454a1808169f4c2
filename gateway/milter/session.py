"""One connection of the mail server, in libmilter's words: what is told is collected, the end of a message answered."""

import logging
from typing import Any

import milter

from gateway.engine.transaction import Client, Delivery
from gateway.mail.envelope import SUCCESS, Envelope
from gateway.milter.edits import Change, Edits
from gateway.milter.message import Message
from gateway.milter.service import KEPT, Service
from gateway.reply import Reply, trouble

PIECE = 1 << 20
"""Bytes of a new body that are handed over at once."""
TEXT_LIMIT = 900
"""libmilter's reply lines end at 980 bytes; some are the codes."""

UNREADABLE = "\ufffd"
"""Stands in an address for octets that are no UTF-8."""
_logger = logging.getLogger(__name__)


class Session:
    """One client of the mail server's, and its messages one after another.

    ``context`` is pymilter's object for the connection. What fails on the way is kept until the end of the message;
    of one that is lost, the rest is passed over.
    """

    def __init__(self, steps: int, *, may_readdress: bool) -> None:
        """``steps``: the protocol options both sides agreed on; ``may_readdress``: recipients may be put in anew."""
        self.steps = steps
        self.busy = False
        """Whether a message is under way."""
        self._fit = bool(steps & milter.P_HDR_LEADSPC)
        self._may_readdress = may_readdress
        self._message: Message | None = None
        self._address: str | None = None
        self._helo: str | None = None

    def connect(self, name: str, family: int, address: Any = None) -> None:
        """Note the client's address; only IP clients have one."""
        self._address = address[0] if isinstance(address, tuple) else None

    def helo(self, name: str) -> None:
        """Note the client's own name."""
        self._helo = name

    def begin(self, limit: int, sender: bytes, *parameters: bytes) -> None:
        """Begin a message; one that did not end is forgotten."""
        self.busy = True
        self._message = Message(limit, sender, parameters)

    def envrcpt(self, address: bytes, *parameters: bytes) -> None:
        """Take a recipient."""
        if self._message is not None:
            self._message.recipient(address, parameters)

    def header(self, name: str, value: bytes) -> None:
        """Take a field."""
        if self._message is not None:
            self._message.field(name, value)

    def body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        if self._message is not None:
            self._message.body(piece)

    def broken(self) -> None:
        """Something of the message was lost: it is deferred at its end. Before a message, that is all of them."""
        self._fit = self._fit and self.busy
        self._message = None

    def forget(self) -> None:
        """The message will not come to its end."""
        self._message = None
        self.busy = False

    def finish(self, context: Any, service: Service) -> Reply:
        """Bring the message to its end; return the answer."""
        message, self._message = self._message, None
        if message is None or not self._fit:
            record_id = service.new_id()
            _logger.warning("%s: deferred, without a record: we are stopping, or it did not come whole", record_id)
            return trouble(record_id)
        envelope = message.envelope
        return service.finish(
            self._client(context),
            message,
            lambda edits, delivery: carry(context, edits, delivery, envelope.sender),
            may_open=self._may_readdress and not _reported(envelope),
        )

    def _client(self, context: Any) -> Client:
        """Return the client, with the login and the queue id of the message at hand."""
        queue_id = context.getsymval("i")
        told = (("IDENT", queue_id),) if queue_id else ()
        return Client(self._address, context.getsymval("{auth_authen}") or None, self._helo, xforward=told)


def _reported(envelope: Envelope) -> bool:
    """Whether somebody hears what becomes of the mail, whatever we say.

    A mail server tells who asked for it that it expanded an alias, with the header as we leave it. An address that we
    cannot read we cannot put in anew.
    """
    unreadable = any(UNREADABLE in address for address in (envelope.sender, *envelope.addresses))
    return unreadable or any(SUCCESS in to.reports for to in envelope.recipients)


def carry(context: Any, edits: Edits, delivery: Delivery, sender: str) -> None:
    """Hand the edits over that make ``delivery``. Raises ``milter.error`` where the mail server is gone.

    A bounce of opened mail must not quote it (RFC 3461 §4.3): the sender stays, and wants its header back only. Of mail
    that a key was used for there is none: its recipients are deleted first, for one that is there is not added again.
    """
    content = delivery.content
    if delivery.key_used:
        for recipient in delivery.recipients:
            context.delrcpt(f"<{recipient.address}>")
        for recipient in delivery.recipients:
            context.addrcpt(f"<{recipient.address}>", " ".join(recipient.parameters))
    if (delivery.opened or delivery.key_used) and UNREADABLE not in sender:
        context.chgfrom(f"<{sender}>", "RET=HDRS")
    for edit in edits.header:
        if isinstance(edit, Change):
            context.chgheader(edit.name, edit.number, edit.value or None)
        else:
            context.addheader(edit.name, edit.value, edit.position)
    if edits.body is not None:
        view = memoryview(content)
        for start in range(edits.body, max(len(content), edits.body + 1), PIECE):
            context.replacebody(bytes(view[start : start + PIECE]))


def answer(context: Any, reply: Reply) -> int:
    """Say a reply; return libmilter's code for it."""
    if reply is KEPT:
        return int(milter.DISCARD)
    if reply.positive:
        return int(milter.CONTINUE)
    enhanced, _, text = reply.lines[0].partition(" ")
    plain = text.encode("ascii", "replace").decode()[:TEXT_LIMIT].replace("%", "%%")
    context.setreply(str(reply.code), enhanced, plain)
    return int(milter.REJECT if reply.permanent else milter.TEMPFAIL)
