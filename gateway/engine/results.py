"""Result fields: what a message may not claim for itself, and what we say of it (RFC 8601, RFC 7281).

Values from certificates are data: controls never get through, everything is ASCII, what is long is cut and marked, and
what is no token is a quoted string. An address stands in ``smime-identifier`` only where the mathematics of a signature
bind it; nothing unverified is reported as fact.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

from gateway.mail.address import folded
from gateway.mail.encoded_word import decode_words
from gateway.mail.header import Field, Header, spelt
from gateway.smime.finding import (
    MATHEMATICS,
    Encryption,
    EncryptionFinding,
    SignatureFinding,
    SignerFinding,
    Status,
    weightier,
)

PREFIX = "x-smime-gateway-"
"""Every field of the gateway begins so, in any spelling."""
_PREFIX_SIZE = len(PREFIX)

PROTECTED_SUBJECT = "X-SMIME-Gateway-Protected-Subject"
"""Where a Subject stands that was protected inside and may not be believed."""

VALUE_LIMIT = 200
"""Characters of one value from a certificate."""
CUT = "..."
LINE = 78
RESULTS_LIMIT = 6000
"""Characters of all results together: of a message with more signers, the last ones are left out."""

_PARENTHESIS = re.compile(r"[^()\\]*+(?:\\.[^()\\]*+)*+([()])", re.DOTALL)
_TOKEN = re.compile(r"[^;\s(]*+")
_MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+./=?^_`{|}~-]++@[A-Za-z0-9.-]++")


_LIKE_RESULT = re.compile(r"(smime *+)=", re.IGNORECASE)
"""What is a result to a filter that searches the field for one."""

_OUR_LINE = re.compile(spelt(PREFIX))
_RESULT_LINE = re.compile(spelt("authentication-results:"))
_ALL_OF_IT = rb"[^\n]*+(?:\n[ \t][^\n]*+)*+\n?+"
_CONTINUED = re.compile(rb"(?:[^!-~]%s)*+" % _ALL_OF_IT)
_NEXT_FIELD = re.compile(rb"\n(?=[!-~])")
PIECE = 1 << 18
"""Octets of a header that is too long to be read that are looked through at once."""
_OUR_LINES = re.compile(rb"(?![ \t])%s%s" % (spelt(PREFIX), _ALL_OF_IT))
_RESULT_LINES = re.compile(rb"(?![ \t])%s%s" % (spelt("authentication-results:"), _ALL_OF_IT))
_SAYS_NOTHING = bytes(octet for octet in range(256) if not 0x20 < octet < 0x7F or octet in b'"\\')


def our_fields(header: Header) -> list[Field]:
    """Return the fields of our prefix, and the lines that are no field and look like one to some reader."""
    lines = set(header.taken_for(_OUR_LINE))
    return [field for field in header.fields if field.name[:_PREFIX_SIZE] == PREFIX or field in lines]


def forged_fields(header: Header, authserv_ids: Collection[str]) -> list[Field]:
    """Return what only we may write: our prefix, and Authentication-Results under one of our ids.

    Lines that are no field are among it where some reader takes them for one of these or, at the top of what is left,
    for the continuation of a field above them, which would be ours.
    """
    ids = _domains(tuple(authserv_ids))
    found = {*our_fields(header), *_results_of(header, ids)}
    for field in header.fields:
        if field not in found and (field.name or 0x20 < header.content[field.start] < 0x7F):
            break
        found.add(field)
    return sorted(found, key=lambda field: field.start)


@lru_cache(8)
def _domains(authserv_ids: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(_domain, authserv_ids))


def cut_forged(content: bytes, authserv_ids: Collection[str]) -> bytes:
    """Return a message whose header cannot be read, without the lines that claim to be ours, or seem to."""
    end = content.find(b"\r\n\r\n")
    block, rest = (content, b"") if end < 0 else (content[: end + 2], content[end + 2 :])
    ids = _domains(tuple(authserv_ids))
    top = _CONTINUED.match(block)
    pieces, position = [], top.end() if top else 0
    while position < len(block):
        # Piece by piece, whole fields each: other threads get their turn in between.
        field = _NEXT_FIELD.search(block, position + PIECE)
        end = field.end() if field else len(block)
        piece = _RESULT_LINES.sub(lambda line: b"" if _is_ours(line[0], ids) else line[0], block[position:end])
        pieces.append(_OUR_LINES.sub(b"", piece))
        position = end
    return b"".join((*pieces, rest))


def _is_ours(line: bytes, ids: Collection[str]) -> bool:
    """Whether a result may be under one of ``ids``; one that is longer than a piece is nobody's, and is not read."""
    return len(line) > PIECE or _mentions(line, ids)


def _results_of(header: Header, ids: Collection[str]) -> Iterator[Field]:
    """Yield the results under one of ``ids``, fields or not."""
    others = [header.raw(field) for field in header.fields if not field.name]
    doubtful = bool(others) and _mentions(b"".join(others), ids)
    if doubtful:
        yield from header.taken_for(_RESULT_LINE)
    for field, following in pairwise((*header.fields, None)):
        if field is not None and field.name == "authentication-results":
            # To some reader it goes on in a line that is no field.
            goes_on = following is not None and not following.name
            if _claims(header.value(field), ids) or (doubtful and goes_on):
                yield field


def _claims(value: bytes, ids: Collection[str]) -> bool:
    """Whether a result is under one of ``ids``, as it stands or to a reader who decodes words wherever they are."""
    readings = {value.decode("utf-8", "replace"), decode_words(value)}
    if not all(map(str.isprintable, readings)):
        readings = {"".join(filter(counts, reading)) for reading in readings for counts in (_counts, _shows)}
    return any(_authserv_id(text) in ids for text in readings)


def _counts(character: str) -> bool:
    return character.isprintable() or character.isspace()


def _shows(character: str) -> bool:
    """Whether it is seen, or a blank to everybody; others are none to some reader, and it shows nothing there."""
    return character.isprintable() or character == "\t"


def _mentions(value: bytes, ids: Collection[str]) -> bool:
    """Whether one of ``ids`` stands anywhere in a result that is no field: who knows what a reader makes of it."""
    seen = decode_words(value).encode("utf-8", "replace").translate(None, _SAYS_NOTHING).lower()
    return any(id_.encode() in seen for id_ in ids)


def _authserv_id(text: str) -> str:
    """Return the compared form of the id: no comments, quotes, version, case, dot at its end (RFC 8601 §2.2, §5)."""
    text = text[_behind_comments(text) :]
    if text.startswith('"'):
        id_ = re.sub(r"\\(.)", r"\1", text[1:].partition('"')[0])
    else:
        token = _TOKEN.match(text)
        id_ = token[0] if token else ""
    return _domain(id_).rstrip(".")


def _behind_comments(text: str) -> int:
    """Return where the comments and blanks end that ``text`` begins with; in one pass, however deep they nest."""
    position, depth = 0, 0
    while position < len(text):
        if depth or text[position] == "(":
            found = _PARENTHESIS.match(text, position)
            if found is None:
                return len(text)
            depth += 1 if found[1] == "(" else -1
            position = found.end()
        elif text[position].isspace():
            position += 1
        else:
            break
    return position


def _domain(text: str) -> str:
    return folded(f"x@{text}").partition("@")[2]


def result_fields(
    authserv_id: str,
    record_id: str,
    signature: SignatureFinding,
    encryption: EncryptionFinding,
    retry_of: str | None = None,
) -> tuple[bytes, ...]:
    """Return our result fields in the order in which they stand on top of a message, the seal excepted.

    ``retry_of``: the record of the arrival of a message that is delivered again.
    """
    again = () if retry_of is None else (folded_field("X-SMIME-Gateway-Retry-Of", retry_of),)
    return (
        folded_field("Authentication-Results", "; ".join((authserv_id, *_fitting(_results(signature))))),
        folded_field("X-SMIME-Gateway-Signature", "; ".join(_signature_words(signature))),
        folded_field("X-SMIME-Gateway-Encryption", "; ".join(_encryption_words(encryption))),
        folded_field("X-SMIME-Gateway-Id", record_id),
        *again,
    )


def _results(finding: SignatureFinding) -> Iterable[str]:
    """One result per signer that counts, each with the whole's status: one that is better must not be read as the
    message's. Of a message without a signer, one for the message."""
    if not finding.signers:
        yield _result(finding.status, finding.reason, None)
    for signer in finding.signers:
        yield _result(finding.status, weightier(finding.reason, signer.reason), signer)


def _fitting(results: Iterable[str]) -> Iterator[str]:
    """Yield the results that fit, from the first."""
    room = RESULTS_LIMIT
    for result in results:
        room -= len(result)
        if room < 0:
            return
        yield result


def _result(status: Status, reason: str | None, signer: SignerFinding | None) -> str:
    words = [f"smime={status}"]
    if reason is not None:
        words.append(f'reason="{reason}"')
    certificate = signer.certificate if signer is not None else None
    # ``digest`` is only known of a signature that was verified (row HDR-05).
    if signer is not None and certificate is not None and signer.digest and not MATHEMATICS & set(signer.reasons):
        if signer.addresses:
            words.append(f"body.smime-identifier={_mailbox(signer.addresses[0])}")
        words.append(f"body.smime-serial={certificate.serial:x}"[:VALUE_LIMIT])
        words.append(f"body.smime-issuer={_quoted(certificate.issuer)}")
    return " ".join(words)


def _signature_words(finding: SignatureFinding) -> list[str]:
    words: list[str] = [finding.status]
    first = finding.signers[0] if finding.signers else None
    if finding.status is Status.PASS and first is not None:
        words += [f"signer={_mailbox(address)}" for address in first.addresses[:1]]
    elif finding.reason is not None:
        words.append(f"reason={finding.reason}")
    if first is not None and first.certificate is not None:
        words.append(f"fingerprint={first.certificate.fingerprint}")
        if first.anchor is not None:
            words.append(f"anchor={_quoted(first.anchor.subject)}")
    if finding.status is Status.PASS and first is not None and first.signing_time is not None:
        words.append(f"signed-at={first.signing_time.isoformat(timespec='seconds').replace('+00:00', 'Z')}")
    return [*words, *finding.uncovered]


def _encryption_words(finding: EncryptionFinding) -> list[str]:
    words: list[str] = [finding.status]
    if finding.reason is not None:
        words.append(f"reason={finding.reason}")
    if finding.status is Encryption.DECRYPTED:
        words += [f"cipher={finding.cipher}", f"authenticated={'yes' if finding.authenticated else 'no'}"]
    return words


def folded_field(name: str, value: str) -> bytes:
    """Return one field, ASCII, folded at single blanks."""
    text, width = f"{name}:", len(name) + 1
    for word in value.split(" "):
        size = 1 + len(word)
        if width + size > LINE:
            text, width = f"{text}\r\n       ", 7
        text += f" {word}"
        width += size
    return text.encode("ascii") + b"\r\n"


def _mailbox(address: str) -> str:
    plain = _MAILBOX.fullmatch(address) and not _LIKE_RESULT.search(address)
    return address if plain and len(address) <= VALUE_LIMIT else _quoted(address)


def _quoted(value: str) -> str:
    """Return a quoted string in ASCII without blanks at which it could be folded apart by anybody else's parser."""
    text = value if value.isascii() and value.isprintable() else "".join(map(_visible, value))
    if len(text) > VALUE_LIMIT:
        text = text[: VALUE_LIMIT - len(CUT)].rstrip("\\") + CUT
    return '"' + _LIKE_RESULT.sub(r"\1\\=", text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _visible(character: str) -> str:
    """Return a character as it is, or by its UTF-8 octets as RFC 4514 §2.4 writes them."""
    if " " <= character <= "~":
        return character
    return "".join(f"\\{octet:02X}" for octet in character.encode("utf-8", "surrogatepass"))
