"""One address: how SMTP writes it, and when two are the same (RFC 5321 §4.1.2, RFC 6531 §3.3, RFC 9598).

One comparison, wherever two addresses meet (our lists, recipients, certificates, From): ``folded``, and
``same_mailbox`` on top of it. Letter case in local parts is that of ASCII alone, and only where the configuration folds
it; of other letters nobody knows which a mail server takes for the same. Look-alikes are never equal: nothing is
transliterated, and local parts are composed (NFC) at most. ``without_detail`` removes what follows the recipient
delimiter, ``is_route`` tells what may lead elsewhere. ``index_key`` compares nothing: the store finds candidates by it.
"""

import re
import string
import unicodedata
from functools import lru_cache

import idna

from gateway.errors import Malformed


def _or_wide(members: str) -> str:
    """Return a class of these characters of ASCII and of all beyond it.

    It names what is left out, for one that reaches up to U+10FFFF takes long to compile.
    """
    return f"[^{re.escape(''.join(each for each in map(chr, range(128)) if each not in members))}]"


_ALNUM = string.ascii_letters + string.digits
ATOM = _or_wide(_ALNUM + "!#$%&'*+/=?^_`{|}~-") + "++"
DOT_ATOM = rf"{ATOM}(?:\.{ATOM})*+"
_QUOTABLE = _or_wide("".join(each for each in map(chr, range(32, 127)) if each not in '"\\'))
QUOTED_LOCAL = rf'"(?:{_QUOTABLE}++|\\[ -~])*+"'
LOCAL = rf"(?:{DOT_ATOM}|{QUOTED_LOCAL})"
_LABEL = rf"{_or_wide(_ALNUM + '_')}{_or_wide(_ALNUM + '_-')}*+(?<!-)"
_LITERAL = r"\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[0-9A-Fa-f:.]{2,45})\]"
DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*+|{_LITERAL})"

_ADDRESS = re.compile(rf"({LOCAL})@({DOMAIN})")
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Controls, separators, surrogates and everything that changes the reading direction or is not seen.
_INVISIBLE = re.compile(
    "[\x80-\xa0\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff\ufeff\ufff9-\uffff]"
)
_ASCII_WHEN_COMPOSED = re.compile("[\u037e\u1fef\u212a]")
_LOWER = {ord(letter): letter.lower() for letter in string.ascii_uppercase}
_ROUTE = re.compile("[%!@]")
_NEEDLESS_QUOTES = re.compile(DOT_ATOM)
_ESCAPE = re.compile(r"\\(.)")


def parse_path(text: bytes | str, *, null: bool = False, postmaster: bool = False) -> str:
    """Return the address of a MAIL or RCPT path, ``<alice@example.org>`` with or without its angle brackets.

    ``null`` allows ``<>`` and nothing (both give ``""``), ``postmaster`` ``<postmaster>``. Raises ``Malformed``.
    """
    path = _decoded(text)
    if null and path in ("", "<>"):
        return ""
    address = path[1:-1] if path[:1] == "<" and path[-1:] == ">" else path
    if postmaster and address.lower() == "postmaster":
        return address
    parts = _ADDRESS.fullmatch(address)
    if parts is None or not is_visible(address):
        raise Malformed(_complaint(address))
    check_length(parts[1], parts[2])
    return address


def _decoded(text: bytes | str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("address: holds bytes that are no UTF-8") from error


def is_visible(text: str) -> bool:
    """Return whether ``text`` is free of non-ASCII blanks, controls and invisible characters."""
    return text.isascii() or _INVISIBLE.search(text) is None


def check_length(local: str, domain: str) -> None:
    """Raise ``Malformed`` over 64 octets of local part, 255 of domain or 254 in all (RFC 5321 §4.5.3.1)."""
    local_size, domain_size = len(local.encode()), len(domain.encode())
    if local_size > 64:
        raise Malformed("address: the part before the @ is longer than 64 octets")
    if domain_size > 255 or local_size + domain_size + 1 > 254:
        raise Malformed("address: longer than 254 octets")


def _complaint(address: str) -> str:
    """Say why a path is refused, without repeating it: it may hold what no log should see."""
    if not address:
        return "address: empty; write <user@domain>"
    if _CONTROL.search(address) or not is_visible(address):
        return "address: holds a control character or one that is not seen"
    if address.startswith("@") and ":" in address:
        return "address: source routes are not accepted; write <user@domain>"
    local, at, domain = address.rpartition("@")
    if not at:
        return "address: the domain is missing; write <user@domain>"
    if not local or not domain:
        return f"address: nothing {'before' if not local else 'after'} the @"
    if re.fullmatch(DOMAIN, domain) is None:
        return "address: the domain is not well formed"
    return "address: the part before the @ is not well formed; blanks and special characters need quotes"


def folded(address: str, *, fold: bool = True) -> str:
    """Return the form in which addresses are compared.

    The domain becomes a lower-case A-label, the local part NFC without needless quotes; ``fold`` also lower-cases its
    ASCII letters.
    """
    if fold and _PLAIN.fullmatch(address):
        return address.lower()
    local, at, domain = _parts(address)
    return _composed(_unquoted(local.translate(_LOWER) if fold else local)) + at + _folded_domain(domain)


def index_key(address: str) -> str:
    """Return the form by which the store finds an address: all letters lower, so more than ``folded`` finds equal."""
    if _PLAIN.fullmatch(address):
        return address.lower()
    local, at, domain = _parts(address)
    return unicodedata.normalize("NFC", _unquoted(local.lower())) + at + _folded_domain(domain)


def _parts(address: str) -> tuple[str, str, str]:
    """Return local part, ``@`` and domain; what has no ``@`` is a local part."""
    local, at, domain = address.rpartition("@")
    return (local, at, domain) if at else (domain, "", "")


def _composed(local: str) -> str:
    # NFC makes ASCII of three characters: the Kelvin sign would be a K.
    return local if _ASCII_WHEN_COMPOSED.search(local) else unicodedata.normalize("NFC", local)


def _unquoted(local: str) -> str:
    """Return a quoted local part with the least quoting that says the same (RFC 5321 §4.1.2)."""
    if len(local) < 2 or local[0] != '"' or local[-1] != '"':
        return local
    content = _ESCAPE.sub(r"\1", local[1:-1])
    if _NEEDLESS_QUOTES.fullmatch(content):
        return content
    return '"' + content.replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache(1024)
def _folded_domain(domain: str) -> str:
    if domain.isascii() or len(domain) > 255:
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return domain.lower()


@lru_cache(1024)
def without_detail(address: str, delimiter: str) -> str:
    """Return ``user@domain`` for ``user+tag@domain``; each character of ``delimiter`` separates, as in Postfix.

    Quoted local parts, and those that would become empty, stay as they are.
    """
    local, at, domain = address.rpartition("@")
    if not at or local.startswith('"'):
        return address
    cut = min((found for character in delimiter if (found := local.find(character)) >= 0), default=0)
    return local[:cut] + at + domain if cut else address


def is_route(address: str) -> bool:
    """Return whether the local part names another host (``a%b``, ``b!a``, ``"a@b"``) that some servers send it to."""
    return _ROUTE.search(address.rpartition("@")[0]) is not None


def same_mailbox(one: str, other: str, *, fold: bool = True) -> bool:
    """Return whether two whole addresses are the same; ``fold`` as in ``folded`` (RFC 5280 §7.5, RFC 9598 §5)."""
    return one.find("@") > 0 and (one == other or folded(one, fold=fold) == folded(other, fold=fold))
