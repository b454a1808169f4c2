"""The log: one line per message, a reading of its record; the queue id comes first where there is one.

Everything goes to standard error, where systemd's journal or a supervisor picks it up. Control characters in foreign
values are escaped, so that nobody writes lines of his own. Subjects, content and keys never stand here.
"""

import json
import logging
import sys
import traceback
from types import TracebackType

from gateway.engine.finding import EncryptionFound, EncryptionMade, EncryptionOpened, Signature, SignatureJudged
from gateway.engine.record import Record, as_json
from gateway.errors import GatewayError
from gateway.reason import Reason

logger = logging.getLogger("smime-gateway")

CAUSES = 10
"""Exceptions in one traceback."""
NAMED = 20
"""Recipients without a certificate that a line names."""


def start_logging(as_json_lines: bool) -> None:
    """Send every log line to standard error, as text or as JSON (``log.format``)."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_JsonLines() if as_json_lines else _Lines("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[stream], force=True)
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    quieten_validator()


def quieten_validator() -> None:
    """Let the path library log nothing: what it says with a traceback and names is a finding of ours."""
    logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)


def log_record(record: Record) -> None:
    """Write the one line of a message."""
    logger.info("%s", line(record), extra={"record": record})


def line(record: Record) -> str:
    """Return the human line of a record: ``QUEUEID: direction verdict key=value …``."""
    head = f"{record.queue_id}: " if record.queue_id else ""
    values: dict[str, object] = {
        "id": record.id,
        "door": record.door,
        "client": record.client,
        "auth": record.auth,
        "from": record.from_,
        "sender": f"<{record.sender}>" if record.recipients else None,
        "to": ",".join(f"<{address}>" for address in record.recipients),
        "size": record.size,
        "group": record.group,
        "rule": record.rule,
        "signature": status(record.signature),
        "encryption": status(record.encryption),
        "missing": _missing(record),
        "detail": _detail(record),
        "notes": ",".join(record.notes),
        "reply": record.reply,
        "message-id": record.message_id,
        "held": record.held,
        "retry-of": record.retry_of,
        "pass-of": record.pass_of,
        "ms": round(record.duration_ms, 1),
    }
    pairs = (f"{key}={_quoted(str(value))}" for key, value in values.items() if value not in (None, ""))
    return f"{head}{record.direction} {outcome(record)} {' '.join(pairs)}"


def outcome(record: Record) -> str:
    """Return what became of a message in one word: the verdict, or that held mail was only judged again."""
    return "judged" if record.retry_of and record.verdict == "relay" and not record.deliveries else record.verdict


def status(finding: Signature | EncryptionFound | None) -> str | None:
    """Return a signature's or encryption's status with its reason; None where nothing was looked into.

    An answer to encrypted mail that left in clear has two reasons.
    """
    if finding is None:
        return None
    reasons: tuple[Reason, ...] = (finding.reason,) if finding.reason else ()
    if isinstance(finding, EncryptionMade) and finding.reason is Reason.REPLY_TO_ENCRYPTED:
        reasons = finding.reasons or reasons
    return f"{finding.status}({','.join(reasons)})" if reasons else str(finding.status)


def _missing(record: Record) -> str | None:
    """Return whose certificates are missing, and why: ``bob@example.net(untrusted)``."""
    missing = record.encryption.missing if isinstance(record.encryption, EncryptionMade) else ()
    named = [f"{answer.address}({answer.reason})" for answer in missing[:NAMED]]
    return ",".join([*named, f"+{len(missing) - NAMED}"] if len(missing) > NAMED else named) or None


def _detail(record: Record) -> str | None:
    """Return what exactly was wrong: with the signature, else with a signer, else with the encryption."""
    signature, encryption = record.signature, record.encryption
    said = [] if signature is None else [signature.detail]
    said += [signer.detail for signer in signature.signers] if isinstance(signature, SignatureJudged) else []
    said += [encryption.detail] if isinstance(encryption, EncryptionOpened) else []
    return next((detail for detail in said if detail), None)


def _quoted(value: str) -> str:
    plain = value.encode("unicode_escape").decode("ascii")
    return json.dumps(plain)[1:-1].join('""') if " " in plain or '"' in plain else plain


def log_bug(record_id: str, error: Exception) -> None:
    """Log a bug in opening a message, with its traceback; the message was delivered as it came."""
    logger.error("%s: a bug while opening; the message is delivered as it came", record_id, exc_info=error)


def visible(text: str) -> str:
    """Return ``text`` with what is not printable escaped."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class _Lines(logging.Formatter):
    """Lines of text. A traceback says where, and what kind of exception; of a foreign one no more.

    Its text may hold what was worked on: octets of a message, of a key. Ours are written not to.
    """

    def formatException(  # noqa: N802 - logging's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        chain: list[str] = []
        error = ei[1]
        while error is not None and len(chain) < CAUSES:
            told = f": {error}" if isinstance(error, GatewayError | OSError) else ""
            frames = "".join(traceback.format_tb(error.__traceback__))
            chain.append(f"Traceback (most recent call last):\n{frames}{type(error).__qualname__}{told}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(reversed(chain))


class _JsonLines(_Lines):
    """One JSON object per line: the record itself, or ``level`` and ``message``."""

    def format(self, entry: logging.LogRecord) -> str:
        record = getattr(entry, "record", None)
        if isinstance(record, Record):
            return json.dumps(as_json(record), ensure_ascii=True)
        line = {"level": entry.levelname.lower(), "message": entry.getMessage()}
        if entry.exc_info:
            line["traceback"] = self.formatException(entry.exc_info)
        return json.dumps(line, ensure_ascii=True)
