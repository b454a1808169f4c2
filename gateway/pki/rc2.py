"""RC2 decryption in CBC mode (RFC 2268), only to open the old PKCS#12 files whose certificates are under RC2-40.

Own because most PKCS#12 files made before 2022 are of that kind, and ``cryptography`` offers the cipher with 128
effective bits only. It keeps no secret: nothing is ever encrypted with it.
"""

_PI = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32"
    "bd8f40eb86b77b0bf09521225c6b4e8254d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed708e8eade8052eef784aa72ac354d6a2a"
    "961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2e"
    "c5f3db47e5a59c770aa62068fe7fc1ad"
)
_ROTATIONS = (1, 2, 3, 5)
BLOCK = 8


def decrypt_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Return the padded plaintext of ``data``, whole blocks of 8 bytes; all bits of ``key`` are effective."""
    schedule = _schedule(key)
    blocks = [data[n : n + BLOCK] for n in range(0, len(data), BLOCK)]
    previous = [iv, *blocks]
    return b"".join(
        (int.from_bytes(_decrypt(schedule, block)) ^ int.from_bytes(before)).to_bytes(BLOCK)
        for block, before in zip(blocks, previous, strict=False)
    )


def _schedule(key: bytes) -> tuple[int, ...]:
    """Expand the key to 64 words (RFC 2268 §2)."""
    size = len(key)
    octets = bytearray(key.ljust(128, b"\0"))
    for n in range(size, 128):
        octets[n] = _PI[(octets[n - 1] + octets[n - size]) & 0xFF]
    octets[128 - size] = _PI[octets[128 - size]]
    for n in range(127 - size, -1, -1):
        octets[n] = _PI[octets[n + 1] ^ octets[n + size]]
    return tuple(int.from_bytes(octets[n : n + 2], "little") for n in range(0, 128, 2))


def _decrypt(schedule: tuple[int, ...], block: bytes) -> bytes:
    """Decrypt one block: 5 mixing rounds, mashing, 6 mixing, mashing, 5 mixing (RFC 2268 §4)."""
    words = [int.from_bytes(block[n : n + 2], "little") for n in range(0, BLOCK, 2)]
    for round_ in range(15, -1, -1):
        for n in (3, 2, 1, 0):
            word = words[n]
            word = (word >> _ROTATIONS[n] | word << 16 - _ROTATIONS[n]) & 0xFFFF
            mixed = (words[n - 1] & words[n - 2]) + (~words[n - 1] & words[n - 3])
            words[n] = (word - schedule[4 * round_ + n] - mixed) & 0xFFFF
        if round_ in (11, 5):
            for n in (3, 2, 1, 0):
                words[n] = (words[n] - schedule[words[n - 1] & 63]) & 0xFFFF
    return b"".join(word.to_bytes(2, "little") for word in words)
