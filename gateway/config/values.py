"""The kinds of value a key can have: how each is written, checked and printed again.

Every parser takes what YAML gave, raises ``ValueError`` with a text that says how to write it, and never repeats a
value that may hold a secret.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from gateway.errors import Malformed
from gateway.mail.address import folded, parse_path

_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*+(?=[a-z0-9_-]*[a-z_])[a-z0-9_][a-z0-9_-]{0,62}")
_ENDPOINT = re.compile(r"(?:\[(?P<boxed>[^\[\]]+)\]|(?P<bare>[^\[\]:]+)):(?P<port>[0-9]{1,5})")
_SIZE = re.compile(r"([0-9]{1,15}) ?(?:([kmg])i?b?|b)?", re.IGNORECASE)
_DURATION = re.compile(r"([0-9]{1,6}) ?([dhms])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

SCALE = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def _text(value: object, how: str) -> str:
    if not isinstance(value, str) or _CONTROL.search(value):
        raise ValueError(f"must be text: {how}")
    return value.strip()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address: ``host`` is an IP address or a lower-case host name."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether nothing outside this machine can reach it, or be reached by it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def meets(self, other: "Endpoint") -> bool:
        """Whether a connection to one of the two could arrive at the other."""
        if self.port != other.port:
            return False
        return self.host == other.host or bool({self.host, other.host} & {"0.0.0.0", "::"}) or _both_local(self, other)  # noqa: S104


def _both_local(one: Endpoint, other: Endpoint) -> bool:
    return "localhost" in (one.host, other.host) and one.loopback and other.loopback


def endpoint(value: object) -> Endpoint:
    """Read ``HOST:PORT``; IPv6 addresses stand in brackets, host names may (as in Postfix)."""
    how = 'write HOST:PORT in quotes, such as "127.0.0.1:10025" or "[::1]:10025"'
    match = _ENDPOINT.fullmatch(_text(value, how))
    if not match or not 1 <= int(match["port"]) <= 65535:
        raise ValueError(f"no address with a port from 1 to 65535; {how}")
    return Endpoint(_host(match["boxed"] or match["bare"], how), int(match["port"]))


def _host(text: str, how: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        if ":" in text or not _HOST.fullmatch(text.lower()):
            raise ValueError(f"no IP address or host name before the port; {how}") from None
        return text.lower()


def resolver(value: object) -> Endpoint:
    """Read the IP address of a DNS server, with or without a port."""
    how = 'write an IP address such as "127.0.0.1", or "127.0.0.1:5353"'
    text = _text(value, how)
    try:
        return Endpoint(str(ip_address(text)), 53)
    except ValueError:
        pass
    try:
        found = endpoint(text)
        return Endpoint(str(ip_address(found.host)), found.port)
    except ValueError:
        raise ValueError(f"no IP address of a DNS server; {how}") from None


Network = IPv4Network | IPv6Network


def network(value: object) -> Network:
    """Read a network in CIDR notation, or one IP address."""
    text = _text(value, 'write a network such as "10.0.0.0/8"')
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        near = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'"{text}" is no network; write CIDR such as "10.0.0.0/8" or "2001:db8::/32"') from None
    raise ValueError(f'"{text}" has bits set to the right of its mask; write "{near}"')


def size(value: object) -> int:
    """Read a size: bytes, or a number with kB, MB or GB (powers of 1024, as mail servers count; KiB, MiB, GiB too)."""
    match = _SIZE.fullmatch(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
    if not match or not int(match[1]):
        raise ValueError("no size; write bytes or a number with kB, MB or GB, such as 50MB")
    return int(match[1]) * SCALE[(match[2] or "").lower()]


def size_text(count: int) -> str:
    """Return a size in the largest unit that says it exactly."""
    for unit, name in (("g", "GB"), ("m", "MB"), ("k", "kB")):
        if count % SCALE[unit] == 0:
            return f"{count // SCALE[unit]}{name}"
    return str(count)


def duration(value: object) -> timedelta:
    """Read a duration: a number and d, h, m or s."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("no duration; write a number with d, h, m or s, such as 90d or 30s")
    return timedelta(seconds=int(match[1]) * SECONDS[match[2]])


def duration_text(length: timedelta) -> str:
    """Return a duration in the largest unit that says it exactly."""
    seconds = int(length.total_seconds())
    unit = next(unit for unit, each in SECONDS.items() if seconds % each == 0 and (seconds or unit == "s"))
    return f"{seconds // SECONDS[unit]}{unit}"


def path(value: object) -> Path:
    """Read an absolute path."""
    text = _text(value, "write an absolute path")
    if not text.startswith("/"):
        raise ValueError("must be an absolute path, beginning with /")
    return Path(text)


@dataclass(frozen=True, slots=True)
class Reference:
    """Where something is to be had: ``kind`` alone (``none``) or with a value (``file:PATH``, ``credential:NAME``)."""

    kind: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else self.kind

    @property
    def file(self) -> Path | None:
        """The file that ``file:PATH`` names."""
        return Path(self.value) if self.kind == "file" else None


def authentication(value: object) -> Reference:
    """Read who checks a client's credentials: ``none``, ``next-hop`` or ``file:PATH``."""
    text = _text(value, "none, next-hop or file:PATH")
    if text in ("none", "next-hop"):
        return Reference(text)
    if text.startswith("file:/"):
        return Reference("file", text.removeprefix("file:"))
    raise ValueError("must be none, next-hop or file:PATH with an absolute path")


def key_source(value: object) -> Reference:
    """Read where the key-encryption key is: ``credential:NAME`` or ``file:PATH``."""
    text = _text(value, "credential:NAME or file:PATH")
    kind, _, rest = text.partition(":")
    if (kind == "file" and rest.startswith("/")) or (
        kind == "credential" and re.fullmatch(r"[A-Za-z0-9_-][\w.-]*", rest)
    ):
        return Reference(kind, rest)
    raise ValueError("must be credential:NAME or file:PATH with an absolute path; never the key itself")


def milter_socket(value: object) -> Path | Endpoint:
    """Read ``unix:PATH`` or, as Postfix writes it, ``inet:HOST:PORT``."""
    kind, _, rest = _text(value, "unix:PATH").partition(":")
    if kind == "unix" and rest.startswith("/"):
        return Path(rest)
    if kind == "inet":
        return endpoint(rest)
    raise ValueError("must be unix:PATH with an absolute path (or inet:HOST:PORT, which is slow)")


def milter_socket_text(socket: Path | Endpoint) -> str:
    """Return a milter socket as it is written."""
    return f"{'inet' if isinstance(socket, Endpoint) else 'unix'}:{socket}"


def pattern(value: object) -> str:
    """Read ``local@domain`` or ``@domain``; returned as written."""
    text = _text(value, "an address or @domain")
    local, at, domain = text.rpartition("@")
    if "*" in text or local in ("%", "?", ".") or domain.startswith("."):
        raise ValueError(
            f'"{text}" matches nothing, for there are no wildcards here: {_in_full(domain if at else text)}'
        )
    if text and not at and _HOST.fullmatch(text.lower()):
        raise ValueError(f'"{text}" is no address: write "@{text}" for every address of the domain')
    try:
        return parse_path("x" + text)[1:] if text.startswith("@") else parse_path(text)
    except Malformed as error:
        raise ValueError(f'"{text}" is neither local@domain nor @domain: {error}') from None


def _in_full(domain: str) -> str:
    """Say how what somebody meant by a wildcard is written."""
    below = domain.lstrip("*.%?")
    if below != domain:
        return f'list every domain, such as "@{below}"' if _HOST.fullmatch(below) else "list every domain as @domain"
    return f'write "@{domain}" for every address of the domain'


def database(value: object) -> str:
    """Read ``sqlite`` or a PostgreSQL URL."""
    text = _text(value, "sqlite or postgresql+psycopg://USER@HOST/NAME")
    if text == "sqlite":
        return text
    try:
        url = urlsplit(text)
        usable = url.scheme == "postgresql+psycopg" and len(url.path) > 1 and (url.port or True)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be sqlite or postgresql+psycopg://USER@HOST/NAME")
    return text


def masked(url: str) -> str:
    """Return a database URL without its password."""
    url = re.sub(r"(://[^:/?#]*+:)(?:[^@]*+@)++", r"\1***@", url)
    return re.sub(r"(?i)([?&](?:(?!password=)[a-z])*+password=)[^&]*+", r"\1***", url)


def workers(value: object) -> int | Literal["auto"]:
    """Read ``auto`` or a number of processes."""
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1024:
        return value
    raise ValueError("must be auto or a number of processes from 1 to 1024")


def host_name(text: str) -> str:
    """Check a host name; returned in lower case."""
    if not _HOST.fullmatch(text.lower()):
        raise ValueError("no host name; write letters, digits, hyphens and dots, such as gw.example.org")
    return text.lower()


def searched_domain(text: str) -> str:
    """Check a domain, or ``*`` for all; returned in lower case, as A-label."""
    return text if text == "*" else host_name(folded(f"x@{text}").partition("@")[2])


def printable(text: str) -> str:
    """Check that some text is there and can be printed."""
    if not text.strip() or _CONTROL.search(text):
        raise ValueError("must be some printable text")
    return text.strip()


def delimiter(text: str) -> str:
    """Check a recipient delimiter: signs of which each separates (as in Postfix), or none."""
    if not re.fullmatch(r"[#$&'*+/=?^_`{|}~.-]{0,8}", text):
        raise ValueError('must be signs such as "+" or "+-" (not ! or %, which make routes), or "" to switch it off')
    return text


def fingerprint(text: str) -> str:
    """Check a SHA-256 fingerprint; returned as 64 lower-case digits, whatever stands between them."""
    digits = re.sub("[: ]", "", text).lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise ValueError("must be a whole SHA-256 fingerprint: 64 hexadecimal digits, as cert list --json prints them")
    return digits


def media_type(text: str) -> str:
    """Check a content type without parameters; returned in lower case."""
    if not re.fullmatch("[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}", text):
        raise ValueError("must be a content type such as text/calendar, without parameters")
    return text.lower()


def octal(text: str) -> str:
    """Check a file mode."""
    if not re.fullmatch("0?[0-7]{3}", text):
        raise ValueError('must be an octal file mode such as "0660"')
    return text
