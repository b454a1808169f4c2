"""Compressed content: read, and bounded."""

import zlib

import pytest

from gateway.asn1 import der
from gateway.cms import compressed
from gateway.cms.compressed import RATIO, SMALL, decompress, read_compressed
from gateway.cms.content import COMPRESSED_DATA, DATA, SIGNED_DATA, WINDOW
from gateway.cms.rejected import Rejected
from gateway.errors import LimitExceeded, Malformed
from gateway.reason import Reason
from tests.cms.surgery import BODY, put, streamed

ZLIB = der.sequence(der.oid("1.2.840.113549.1.9.16.3.8"))
LIMIT = 1 << 24


def packed(deflated: bytes, algorithm: bytes = ZLIB) -> bytes:
    inner = der.sequence(DATA, der.explicit(0, der.octets(deflated)))
    return der.sequence(COMPRESSED_DATA, der.explicit(0, der.sequence(der.integer(0), algorithm, inner)))


def unpacked(data: bytes, limit: int = LIMIT) -> bytes:
    return bytes(decompress(read_compressed(data), limit))


def noise(size: int) -> bytes:
    """Content that hardly compresses, the same in every run."""
    return b"".join(zlib.crc32(n.to_bytes(4, "big")).to_bytes(4, "big") for n in range(size // 4 + 1))[:size]


@pytest.mark.parametrize("size", [0, 1, 1000, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_round_trip(size: int, level: int) -> None:
    content = noise(size)
    data = packed(zlib.compress(content, level))
    assert unpacked(data) == content
    assert unpacked(streamed(data, 1000)) == content


def test_text_that_compresses_well() -> None:
    content = b"Content-Type: text/plain\r\n\r\n" + b"the same line again\r\n" * 3000
    assert unpacked(packed(zlib.compress(content))) == content


def test_parameters_may_be_null() -> None:
    algorithm = der.sequence(der.oid("1.2.840.113549.1.9.16.3.8"), der.tlv(der.NULL))
    assert unpacked(packed(zlib.compress(b"content"), algorithm)) == b"content"


def test_lim_06_message_size() -> None:
    data = packed(zlib.compress(noise(100_000)))
    assert len(unpacked(data, 100_000)) == 100_000
    with pytest.raises(LimitExceeded):
        unpacked(data, 99_999)


def test_lim_06_a_bomb_costs_no_more_than_it_may_become(monkeypatch: pytest.MonkeyPatch) -> None:
    """50 MB of zeros: counted is what is decompressed before it is refused, not time."""
    produced = 0
    inflated = compressed._inflated

    def counted(pieces: list[memoryview]):  # type: ignore[no-untyped-def]
        nonlocal produced
        for piece in inflated(pieces):
            produced += len(piece)
            assert len(piece) <= WINDOW
            yield piece

    monkeypatch.setattr(compressed, "_inflated", counted)
    deflated = zlib.compress(bytes(50_000_000), 9)
    with pytest.raises(LimitExceeded):
        unpacked(packed(deflated), 100_000_000)
    assert produced <= max(SMALL, RATIO * len(deflated)) + WINDOW


def test_lim_06_ratio() -> None:
    """A short text may repeat itself as often as it likes, a long one may not."""
    assert unpacked(packed(zlib.compress(bytes(SMALL)))) == bytes(SMALL)
    with pytest.raises(LimitExceeded):
        unpacked(packed(zlib.compress(bytes(SMALL + 1))))


def test_lim_06_five_bombs_in_one_another() -> None:
    data = zlib.compress(bytes(10_000_000), 9)
    for _ in range(4):
        data = zlib.compress(packed(data))
    for _ in range(4):
        data = b"".join(read_compressed(unpacked(packed(data))).pieces)
    with pytest.raises(LimitExceeded):
        unpacked(packed(data))


GOOD = zlib.compress(noise(5000))


@pytest.mark.parametrize(
    "deflated",
    [b"", b"no deflate", GOOD[:-1], GOOD[:100], GOOD + b"\0", GOOD + GOOD, GOOD[:-4] + bytes(4), b"\0" + GOOD,
     zlib.compress(b"x")[2:-4]],
    ids=["empty", "text", "no checksum", "cut", "octet after", "twice", "checksum", "before", "raw deflate"],
)  # fmt: skip
def test_what_does_not_decompress(deflated: bytes) -> None:
    for data in (packed(deflated), streamed(packed(deflated), 64)):
        with pytest.raises(Malformed):
            unpacked(data)


@pytest.mark.parametrize("algorithm", [der.sequence(der.oid("1.2.3")), der.sequence(ZLIB[2:], der.octets(b""))])
def test_other_compression(algorithm: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        unpacked(packed(zlib.compress(b"content"), algorithm))
    assert refused.value.reason is Reason.UNSUPPORTED_ALGORITHM


def test_structures_that_are_not_compressed_data() -> None:
    data = packed(zlib.compress(b"content"))
    for changed in (put(data, (0,), SIGNED_DATA), put(data, (*BODY, 2, 0), SIGNED_DATA), put(data, (*BODY, 2, 1))):
        with pytest.raises(Malformed):
            read_compressed(changed)
