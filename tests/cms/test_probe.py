"""What a blob truly is, whatever it is called."""

from collections.abc import Callable

import pytest

from gateway.asn1 import der
from gateway.cms.compressed import Compressed
from gateway.cms.content import COMPRESSED_DATA, DATA, ENVELOPED_DATA, SIGNED_DATA
from gateway.cms.enveloped import Enveloped, decrypt, encrypt
from gateway.cms.probe import claims, content_type, read_cms
from gateway.cms.signed import SignedData, Signer, sign_detached, sign_opaque
from gateway.errors import Malformed
from gateway.pki.key import SoftwareKey
from tests.authority import Issued
from tests.cms.conftest import AT
from tests.cms.surgery import BODY, put, streamed

ZLIB = der.sequence(der.oid("1.2.840.113549.1.9.16.3.8"))


def compressed(*content: bytes) -> bytes:
    body = der.sequence(der.integer(0), ZLIB, der.sequence(DATA, *content))
    return der.sequence(COMPRESSED_DATA, der.explicit(0, body))


@pytest.fixture(scope="session")
def samples(people: dict[str, Issued], signer: Callable[..., Signer]) -> dict[str, list[bytes]]:
    to = [people["rsa-2048"].certificate, people["p256"].certificate]
    return {
        "signed-data": [
            sign_detached(bytes(32), signer(), [], AT),
            b"".join(sign_opaque(b"content", signer(), [], AT)),
        ],
        "enveloped-data": [b"".join(encrypt(b"content", to, "aes-128-cbc", "pkcs1v15"))],
        "authenveloped-data": [b"".join(encrypt(b"content", to, "aes-256-gcm", "oaep"))],
        "compressed-data": [compressed(der.explicit(0, der.octets(b"x")))],
    }


@pytest.mark.parametrize("kind", ["signed-data", "enveloped-data", "authenveloped-data", "compressed-data"])
def test_each_kind_in_der_and_ber(samples: dict[str, list[bytes]], kind: str) -> None:
    for data in samples[kind]:
        assert content_type(data) == kind
        assert content_type(streamed(data)) == kind
        assert content_type(bytearray(data)) == kind


def test_one_reading_gives_what_is_needed_next(samples: dict[str, list[bytes]], people: dict[str, Issued]) -> None:
    detached, opaque = (read_cms(streamed(data)) for data in samples["signed-data"])
    assert isinstance(detached, SignedData) and isinstance(opaque, SignedData)
    assert (detached.content, b"".join(opaque.content or [])) == (None, b"content")
    for kind in ("enveloped-data", "authenveloped-data"):
        enveloped = read_cms(streamed(samples[kind][0]))
        assert isinstance(enveloped, Enveloped)
        for who in (people["rsa-2048"], people["p256"]):
            assert decrypt(enveloped, who.certificate, SoftwareKey(who.private_key)) == b"content"
    packed = read_cms(streamed(samples["compressed-data"][0]))
    assert isinstance(packed, Compressed)
    assert b"".join(packed.pieces) == b"x"


@pytest.mark.parametrize(
    "data",
    [
        der.sequence(DATA, der.explicit(0, der.octets(b"x"))),
        der.sequence(der.oid("1.2.840.113549.1.7.6"), der.explicit(0, der.sequence())),
    ],
)
def test_other_content_is_none_of_them(data: bytes) -> None:
    assert content_type(data) is None
    assert read_cms(data) is None


@pytest.mark.parametrize("data", [b"", b"hello", b"\x30\x80", der.sequence(), der.sequence(SIGNED_DATA)])
def test_what_is_no_content_info(data: bytes) -> None:
    with pytest.raises(Malformed):
        content_type(data)


def test_labels_are_not_believed(samples: dict[str, list[bytes]]) -> None:
    """Mail passes as already encrypted by this answer, so a label on anything else must not do."""
    plain = der.sequence(ENVELOPED_DATA, der.explicit(0, der.sequence(der.integer(0), der.octets(b"plaintext"))))
    for data in (plain, put(samples["signed-data"][0], (0,), ENVELOPED_DATA), compressed()):
        with pytest.raises(Malformed):
            content_type(data)


@pytest.mark.parametrize("kind", ["signed-data", "enveloped-data", "authenveloped-data", "compressed-data"])
def test_every_cut_is_noticed(samples: dict[str, list[bytes]], kind: str) -> None:
    data = samples[kind][0]
    for end in range(0, len(data), 7):
        with pytest.raises(Malformed):
            content_type(data[:end])


@pytest.mark.parametrize("kind", ["signed-data", "enveloped-data", "authenveloped-data"])
def test_a_missing_version_is_noticed(samples: dict[str, list[bytes]], kind: str) -> None:
    with pytest.raises(Malformed):
        content_type(put(samples[kind][0], (*BODY, 0)))


@pytest.mark.parametrize("kind", ["signed-data", "enveloped-data", "authenveloped-data", "compressed-data"])
def test_what_it_claims_is_told_however_broken_the_rest_is(samples: dict[str, list[bytes]], kind: str) -> None:
    for data in samples[kind]:
        for form in (data, streamed(data)):
            assert claims(form) == kind
            assert claims(memoryview(form)[:30]) == kind


@pytest.mark.parametrize("data", [b"", b"0", b"0\x80", b"0\x89", b"0\xff" + b"\x06" * 40, b"Hello", b"0\x03\x06\x01*"])
def test_what_claims_nothing(data: bytes) -> None:
    assert claims(data) is None
