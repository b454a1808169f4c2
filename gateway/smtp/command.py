"""The arguments of MAIL, RCPT and XFORWARD, read strictly and written out again for the next hop.

RFC 5321 §4.1.2, RFC 1870 (SIZE), RFC 3461 (DSN), RFC 6152 (BODY), RFC 6531 (SMTPUTF8), Postfix XFORWARD_README.
Parameters are an allow-list, by what the next hop offers; their values pass unchanged, case included.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.engine.transaction import Client
from gateway.errors import GatewayError, Malformed
from gateway.mail.address import parse_path
from gateway.mail.envelope import Recipient
from gateway.reply import EnhancedCode, Reply, reply
from gateway.smtp.capability import XFORWARD, Capabilities
from gateway.smtp.door import client_address

LINE_LIMIT = 512
_PATH = re.compile(r'<(?:"(?:[^"\\]++|\\.)*+"|[^">]++)*+>')
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20\x7f]+))?")
_ATTRIBUTE = re.compile(r"([A-Za-z]+)=([\x21-\x7e]{1,255})")

MAIL_PARAMETERS = {"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "RET": "DSN", "ENVID": "DSN"}
_OURS = ("SIZE", "AUTH")
RCPT_PARAMETERS = {"NOTIFY": "DSN", "ORCPT": "DSN"}
_NOTIFY = re.compile("(?i)never|(?:success|failure|delay)(?:,(?:success|failure|delay))*+")
_BODIES = ("7BIT", "8BITMIME")


class Rejection(GatewayError):
    """A command that is answered with ``reply`` and nothing else."""

    def __init__(self, answer: Reply) -> None:
        super().__init__(str(answer))
        self.reply = answer


@dataclass(frozen=True, slots=True)
class SmtpPath:
    """A reverse-path or forward-path: the address without brackets (empty: null) and its parameters verbatim."""

    address: str
    parameters: tuple[str, ...]

    def value(self, name: str) -> str | None:
        """Return the value of a parameter (empty: it has none), or None where it was not given."""
        for parameter in self.parameters:
            key, _, value = parameter.partition("=")
            if key.upper() == name:
                return value
        return None


def read_mail(argument: str | None, next_hop: Capabilities, *, extended: bool, auth: bool = False) -> SmtpPath:
    """Read ``FROM:<path> [parameters]``; ``auth``: we offer AUTH, hence take AUTH=. Raises ``Rejection``."""
    path = _read("FROM:", argument, null=True)
    known = MAIL_PARAMETERS | {"AUTH": "AUTH"} if auth else MAIL_PARAMETERS
    _check_parameters(path, known, next_hop, extended=extended)
    body = path.value("BODY")
    if body is not None and body.upper() not in _BODIES:
        raise Rejection(reply(555, EnhancedCode.INVALID_ARGUMENTS, f"BODY={body} is not supported"))
    return path


def read_rcpt(argument: str | None, next_hop: Capabilities, *, extended: bool) -> SmtpPath:
    """Read ``TO:<path> [parameters]``; raises ``Rejection``."""
    path = _read("TO:", argument, postmaster=True)
    _check_parameters(path, RCPT_PARAMETERS, next_hop, extended=extended)
    notify = path.value("NOTIFY")
    if notify is not None and not _NOTIFY.fullmatch(notify):
        raise Rejection(
            reply(501, EnhancedCode.INVALID_ARGUMENTS, "NOTIFY is NEVER, or some of SUCCESS, FAILURE, DELAY")
        )
    return path


def declared_size(path: SmtpPath) -> int:
    """Return the SIZE= of a MAIL command in bytes, 0 where there is none; raises ``Rejection``."""
    value = path.value("SIZE")
    if value is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,20}", value):
        raise Rejection(reply(501, EnhancedCode.INVALID_ARGUMENTS, "SIZE needs a number of bytes"))
    return int(value)


def check_characters(address: str, *, utf8: bool) -> None:
    """Refuse an address beyond ASCII in a transaction without SMTPUTF8 (RFC 6531 §3.4)."""
    if not utf8 and not address.isascii():
        raise Rejection(reply(550, EnhancedCode.NON_ASCII_ADDRESS, "An address beyond ASCII needs SMTPUTF8"))


def path_line(verb: str, address: str, parameters: Iterable[str]) -> bytes:
    """Return a MAIL or RCPT command as it goes on the wire; ``verb`` is ``MAIL FROM`` or ``RCPT TO``."""
    return " ".join((f"{verb}:<{address}>", *parameters)).encode() + b"\r\n"


def rcpt_line(recipient: Recipient, next_hop: Capabilities) -> bytes:
    """Return the RCPT command for a recipient, with what the next hop takes of its parameters."""
    named = [(parameter.partition("=")[0].upper(), parameter) for parameter in recipient.parameters]
    taken = [parameter for name, parameter in named if RCPT_PARAMETERS.get(name, name) in next_hop]
    return path_line("RCPT TO", recipient.address, taken)


def forwarded(parameters: Iterable[str], next_hop: Capabilities, *, size: bool) -> tuple[str, ...]:
    """Return the MAIL parameters the next hop gets: unchanged, but SIZE= only where ``size`` says it still holds."""
    dropped = ["SIZE="] * (not size or "SIZE" not in next_hop) + ["AUTH="] * ("AUTH" not in next_hop)
    return tuple(parameter for parameter in parameters if not parameter.upper().startswith(tuple(dropped)))


def _read(keyword: str, argument: str | None, *, null: bool = False, postmaster: bool = False) -> SmtpPath:
    argument = argument or ""
    path = _PATH.match(argument[len(keyword) :].lstrip(" "))
    rest = path.string[path.end() :] if path is not None else ""
    if path is None or argument[: len(keyword)].upper() != keyword or (rest and not rest.startswith(" ")):
        raise Rejection(reply(501, EnhancedCode.INVALID_ARGUMENTS, f"Syntax: {keyword}<address>"))
    try:
        return SmtpPath(parse_path(path.group(), null=null, postmaster=postmaster), tuple(rest.split()))
    except Malformed as error:
        enhanced = EnhancedCode.BAD_SENDER_SYNTAX if null else EnhancedCode.BAD_RECIPIENT_SYNTAX
        raise Rejection(reply(501, enhanced, str(error).removeprefix("address: "))) from error


def _check_parameters(path: SmtpPath, known: dict[str, str], next_hop: Capabilities, *, extended: bool) -> None:
    for parameter in path.parameters:
        match = _PARAMETER.fullmatch(parameter)
        if match is None or not extended:
            raise Rejection(reply(501, EnhancedCode.INVALID_ARGUMENTS, "Malformed parameter"))
        name = match[1].upper()
        if name == "SMTPUTF8" and name not in next_hop:
            raise Rejection(
                reply(550, EnhancedCode.NON_ASCII_ADDRESS, "The next hop does not take internationalised mail")
            )
        if name not in known or (name not in _OURS and known[name] not in next_hop):
            raise Rejection(reply(555, EnhancedCode.INVALID_ARGUMENTS, f"Parameter {name} is not supported"))


def read_xforward(argument: str | None) -> tuple[tuple[str, str], ...]:
    """Read the attributes of an XFORWARD command, values still in xtext; raises ``Rejection``."""
    matches = [_ATTRIBUTE.fullmatch(word) for word in (argument or "").split()]
    pairs = tuple((match[1].upper(), match[2]) for match in matches if match is not None)
    if not pairs or len(pairs) != len(matches) or any(name not in XFORWARD for name, _ in pairs):
        raise Rejection(reply(501, EnhancedCode.INVALID_ARGUMENTS, "Syntax: XFORWARD attribute=value..."))
    return pairs


def xforward_lines(client: Client, names: tuple[str, ...]) -> list[bytes]:
    """Return the XFORWARD commands that tell the next hop of our client; none where it takes no attribute of them."""
    told = dict(client.xforward)
    if told.keys() <= {"IDENT"}:  # a milter knows the client itself, and the queue id
        told = dict(_own_view(client)) | told
    words = [f"{name}={value}" for name, value in told.items() if name in names]
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) < LINE_LIMIT - 2:
            lines[-1] += f" {word}"
        else:
            lines.append(f"XFORWARD {word}")
    return [line.encode() + b"\r\n" for line in lines]


def _own_view(client: Client) -> tuple[tuple[str, str], ...]:
    unknown = "[UNAVAILABLE]"
    address = client.address or unknown
    if client.address and client_address(client.address).version == 6:
        address = f"IPV6:{client.address}"
    helo = _xtext(client.helo[:64]) if client.helo else unknown
    return (("NAME", unknown), ("ADDR", address), ("PROTO", client.protocol), ("HELO", helo))


def _xtext(text: str) -> str:
    """Encode as xtext (RFC 3461 §4)."""
    return "".join(
        chr(octet) if 0x21 <= octet <= 0x7E and octet not in b"+=" else f"+{octet:02X}" for octet in text.encode()
    )
