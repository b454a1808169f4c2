"""The log: one line per message, a reading of its record; the queue id comes first where there is one.

Everything goes to standard error, where systemd's journal or a supervisor picks it up. Control characters in foreign
values are escaped, so that nobody writes lines of his own. Subjects, content and keys never stand here.
"""

import json
import logging
import sys

from gateway.engine.record import Record, as_json

logger = logging.getLogger("smime-gateway")


def start_logging(as_json_lines: bool) -> None:
    """Send every log line to standard error, as text or as JSON (``log.format``)."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_JsonLines() if as_json_lines else logging.Formatter("%(message)s"))
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
        "sender": f"<{record.sender}>",
        "to": ",".join(f"<{address}>" for address in record.recipients),
        "size": record.size,
        "group": record.group,
        "rule": record.rule,
        "signature": _status(record.signature),
        "encryption": _status(record.encryption),
        "notes": ",".join(record.notes),
        "reply": record.reply,
        "message-id": record.message_id,
        "held": record.held,
        "retry-of": record.retry_of,
        "pass-of": record.pass_of,
        "ms": round(record.duration_ms, 1),
    }
    pairs = (f"{key}={_quoted(str(value))}" for key, value in values.items() if value not in (None, ""))
    return f"{head}{record.direction} {record.verdict} {' '.join(pairs)}"


def _status(finding: dict[str, object]) -> str | None:
    if not finding:
        return None
    reason = finding.get("reason")
    return f"{finding['status']}({reason})" if reason else str(finding["status"])


def _quoted(value: str) -> str:
    plain = value.encode("unicode_escape").decode("ascii")
    return json.dumps(plain)[1:-1].join('""') if " " in plain or '"' in plain else plain


class _JsonLines(logging.Formatter):
    """One JSON object per line: the record itself, or ``level`` and ``message``."""

    def format(self, entry: logging.LogRecord) -> str:
        record = getattr(entry, "record", None)
        if isinstance(record, Record):
            return json.dumps(as_json(record), ensure_ascii=True)
        line = {"level": entry.levelname.lower(), "message": entry.getMessage()}
        if entry.exc_info:
            line["traceback"] = self.formatException(entry.exc_info)
        return json.dumps(line, ensure_ascii=True)
