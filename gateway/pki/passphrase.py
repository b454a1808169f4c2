"""The octets that makers of key files made of one passphrase with umlauts.

PKCS#12's own key derivation takes UTF-16, PBES2 and PBMAC1 take octets (RFC 7292 appendix B.1, RFC 8018 §3). What goes
in there is not what was typed: OpenSSL before 1.1 and PKI.js take each octet of the UTF-8 for a character, consoles of
other days give octets of Latin-1 or of a code page, NSS gives UTF-16 to PBES2, too. A maker may do the one for the MAC
and the other for the encryption. The forms are few and fixed, so that a wrong passphrase costs a few tries more.

Passphrases come and stay in UTF-8; one that is not is taken for Latin-1, as OpenSSL does.
"""

from collections.abc import Iterator
from functools import lru_cache

CODE_PAGE = "cp1252"
_CHARSETS = ("latin-1", CODE_PAGE, "cp850")


def read_text(passphrase: bytes) -> str:
    """Return what a passphrase says."""
    try:
        return passphrase.decode()
    except UnicodeDecodeError:
        return passphrase.decode("latin-1")


@lru_cache(64)
def as_octets(passphrase: bytes) -> tuple[bytes, ...]:
    """Return what PBES2 and PBMAC1 may have been given, the likeliest first."""
    text = read_text(passphrase)
    forms = (passphrase, *_encodings(text), f"{text}\0".encode("utf-16-be"))
    return tuple(dict.fromkeys(forms)) if passphrase else (passphrase,)


@lru_cache(64)
def as_texts(passphrase: bytes) -> tuple[bytes, ...]:
    """Return, in UTF-8, what PKCS#12's key derivation may have been given, the likeliest first."""
    text = read_text(passphrase)
    taken_for_characters = (form.decode("latin-1") for form in (text.encode(), *_encodings(text)))
    return tuple(dict.fromkeys(form.encode() for form in (text, *taken_for_characters)))


def _encodings(text: str) -> Iterator[bytes]:
    for charset in _CHARSETS:
        try:
            yield text.encode(charset)
        except UnicodeEncodeError:
            continue
