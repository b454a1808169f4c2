"""PKCS#12 files under passphrases with umlauts, as makers with other ideas of octets write them."""

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.asn1 import der
from gateway.asn1.ber import read
from gateway.pki.bundle import read_bundle
from gateway.pki.passphrase import as_octets, as_texts
from gateway.pki.pbe import Work, mac
from gateway.reason import Reason
from tests.authority import Authority, Issued

TYPED = "Schlüssel-ß €"
UTF_8 = TYPED.encode()
TWICE = UTF_8.decode("latin-1").encode()
UMLAUT = "Prüfläuft-ß"
SALT, ROUNDS = b"salt-salt", 3
DATA = der.oid("1.2.840.113549.1.7.1")
SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.tlv(der.NULL))


def encrypted(plain: bytes, key: bytes) -> tuple[bytes, bytes]:
    """PBES2 with PBKDF2 and AES-256: AlgorithmIdentifier and ciphertext."""
    secret = hashlib.pbkdf2_hmac("sha256", key, SALT, ROUNDS, 32)
    size = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(bytes(16))).encryptor()
    prf = der.sequence(der.oid("1.2.840.113549.2.9"), der.tlv(der.NULL))
    kdf = der.sequence(der.oid("1.2.840.113549.1.5.12"), der.sequence(der.octets(SALT), der.integer(ROUNDS), prf))
    scheme = der.sequence(der.oid("2.16.840.1.101.3.4.1.42"), der.octets(bytes(16)))
    algorithm = der.sequence(der.oid("1.2.840.113549.1.5.13"), der.sequence(kdf, scheme))
    return algorithm, encryptor.update(plain + bytes([size]) * size) + encryptor.finalize()


def pfx(issued: Issued, encryption: bytes, integrity: bytes) -> bytes:
    """A PKCS#12: the octets that PBES2 was given, and in UTF-8 the text that the MAC was made from."""
    algorithm, key = encrypted(issued.key_der(), encryption)
    shrouded = der.sequence(algorithm, der.octets(key))
    key_bag = der.sequence(der.oid("1.2.840.113549.1.12.10.1.2"), der.explicit(0, shrouded))
    certificate = der.sequence(der.oid("1.2.840.113549.1.9.22.1"), der.explicit(0, der.octets(issued.der)))
    bag = der.sequence(der.oid("1.2.840.113549.1.12.10.1.3"), der.explicit(0, certificate))
    algorithm, bags = encrypted(der.sequence(bag), encryption)
    content = der.sequence(der.integer(0), der.sequence(DATA, algorithm, der.tlv(0x80, bags)))
    safe = der.sequence(
        der.sequence(DATA, der.explicit(0, der.octets(der.sequence(key_bag)))),
        der.sequence(der.oid("1.2.840.113549.1.7.6"), der.explicit(0, content)),
    )
    digest = mac(read(SHA256), SALT, ROUNDS, safe, integrity, Work())
    mac_data = der.sequence(der.sequence(SHA256, der.octets(digest)), der.octets(SALT), der.integer(ROUNDS))
    return der.sequence(der.integer(3), der.sequence(DATA, der.explicit(0, der.octets(safe))), mac_data)


FORMS: dict[str, tuple[str, bytes, bytes]] = {
    "as the standards say": (TYPED, UTF_8, UTF_8),
    "PKI.js, and OpenSSL before 1.1 in a UTF-8 console": (TYPED, UTF_8, TWICE),
    "NSS": (TYPED, f"{TYPED}\0".encode("utf-16-be"), UTF_8),
    "a console in Latin-1": (UMLAUT, UMLAUT.encode("latin-1"), UMLAUT.encode()),
    "a console in code page 1252": (TYPED, TYPED.encode("cp1252"), TYPED.encode("cp1252").decode("latin-1").encode()),
    "a console in code page 850": (UMLAUT, UMLAUT.encode("cp850"), UMLAUT.encode("cp850").decode("latin-1").encode()),
    "each another": (TYPED, TYPED.encode("cp1252"), TWICE),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_right_passphrase_in_other_octets(authority: Authority, form: str) -> None:
    typed, encryption, integrity = FORMS[form]
    alice = authority.leaf("alice@example.com", kind="p256")
    bundle = read_bundle(pfx(alice, encryption, integrity), [b"wrong", typed.encode()])
    assert bundle.faults == ()
    assert [item.der for item in bundle.certificates] == [alice.der]
    assert [item.passphrase for item in bundle.keys] == [typed.encode()], "it leaves under what was typed"
    (fault,) = read_bundle(pfx(alice, encryption, integrity), ["Schlüssel".encode()]).faults
    assert fault.reason is Reason.BAD_PASSPHRASE


def test_the_number_of_tries_is_small(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    assert as_texts(b"plain") == (b"plain",)
    assert as_octets(b"plain") == (b"plain", b"\0p\0l\0a\0i\0n\0\0")
    assert as_octets(b"") == as_texts(b"") == (b"",)
    assert len(as_octets(UTF_8)) <= 5 and len(as_texts(UTF_8)) <= 5
    assert as_texts("ü".encode("latin-1"))[0] == "ü".encode(), "what is no UTF-8 is taken for Latin-1"
    derived: list[Any] = []
    whole = hashlib.pbkdf2_hmac

    def counted(*arguments: Any) -> bytes:
        derived.append(arguments)
        return whole(*arguments)

    file = pfx(authority.leaf("alice@example.com", kind="p256"), b"nothing like it", UTF_8)
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counted)
    assert read_bundle(file, [UTF_8]).faults
    assert len(derived) <= len(as_octets(UTF_8))
