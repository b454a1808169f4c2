"""Ciphers and MACs of key files against other makers of them."""

import hashlib
import random

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import RC2
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from gateway.asn1.ber import read
from gateway.errors import LimitExceeded, Malformed
from gateway.pki import rc2
from gateway.pki.pbe import UnsupportedProtection, Work, decrypt, mac
from tests.authority import tlv


def test_rc2_with_128_bits_as_the_library_has_it() -> None:
    chance = random.Random(2268)
    key, iv, data = chance.randbytes(16), chance.randbytes(8), chance.randbytes(800)
    decryptor = Cipher(RC2(key), modes.CBC(iv)).decryptor()
    assert rc2.decrypt_cbc(key, iv, data) == decryptor.update(data) + decryptor.finalize()


def test_work_is_counted_down() -> None:
    work = Work(left=10)
    work.spend(10)
    with pytest.raises(LimitExceeded):
        work.spend(1)
    with pytest.raises(Malformed):
        Work().spend(0)
    with pytest.raises(Malformed):
        Work().spend(-(2**40))


def _pbmac1(key_length: int | None) -> bytes:
    hmac_sha256 = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d0209")) + tlv(0x05, b""))
    length = b"" if key_length is None else tlv(0x02, key_length.to_bytes(4))
    kdf = tlv(0x30, tlv(0x04, b"salt") + tlv(0x02, b"\x05") + length + hmac_sha256)
    pbkdf2 = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d01050c")) + kdf)
    return tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d01050e")) + tlv(0x30, pbkdf2 + hmac_sha256))


def test_pbmac1() -> None:
    """RFC 9579 §4: a key by PBKDF2 with the parameters' own salt and rounds, HMAC over the content."""
    key = hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 5, 32)
    inner = hashlib.sha256(bytes(a ^ 0x36 for a in key.ljust(64, b"\0")) + b"content").digest()
    expected = hashlib.sha256(bytes(a ^ 0x5C for a in key.ljust(64, b"\0")) + inner).digest()
    assert mac(read(_pbmac1(32)), b"ignored", 1, b"content", b"secret", Work()) == expected


@pytest.mark.parametrize("key_length", [None, 0, 19, 65, 2**31 - 1])
def test_lim_07_pbmac1_needs_a_sane_key_length(key_length: int | None) -> None:
    """LIM-07: a key length out of bounds once overran a buffer elsewhere; RFC 9579 asks for at least 20 bytes."""
    with pytest.raises(Malformed, match="key length"):
        mac(read(_pbmac1(key_length)), b"", 1, b"", b"secret", Work())


def test_an_unknown_scheme_is_named() -> None:
    unknown = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d010503")) + tlv(0x30, b""))
    with pytest.raises(UnsupportedProtection, match=r"1\.2\.840\.113549\.1\.5\.3"):
        decrypt(read(unknown), bytes(8), b"", Work())
