"""Input made to cost: CMS structures, and whole messages by the requirement row that bounds them (LIM-01 … LIM-06).

``CMS`` are blobs that no reader should follow to their end; ``messages`` makes one mail of every kind. Tests ask what
becomes of them and how much is read of them, the benchmark how long that takes and how much memory.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.asn1 import der
from gateway.cms.content import COMPRESSED_DATA, DATA, ENVELOPED_DATA, SIGNED_DATA
from gateway.cms.identity import issuer_and_serial
from gateway.cms.recipient import RECIPIENTS
from gateway.cms.signed import CERTIFICATES, REVOCATION_LISTS, SIGNERS
from tests.authority import Authority, Issued, make_key
from tests.cms.surgery import put
from tests.inbound import made
from tests.inbound.made import ALICE, TEXT, mail, multipart, p7m, signed

MEGABYTE = 1 << 20
NAME = der.sequence(der.sequence(), der.integer(1))
SHA256 = der.sequence(made.SHA256)
RSA_WITH_SHA256 = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.tlv(der.NULL))
INFO = der.sequence(der.integer(1), NAME, SHA256, SHA256, der.octets(b"x"))
TRANSPORT = der.sequence(der.integer(0), NAME, der.sequence(der.oid("1.2.840.113549.1.1.1")), der.octets(b"x"))


# --- CMS structures -------------------------------------------------------------------------------------------------


def info(content_type: bytes, *parts: bytes) -> bytes:
    return der.sequence(content_type, der.explicit(0, der.sequence(der.integer(1), *parts)))


def signed_data(infos: int, digests: int = 1, certificates: int = 0, lists: int = 0) -> bytes:
    return info(
        SIGNED_DATA,
        der.tlv(der.SET, SHA256 * digests),
        der.sequence(DATA),
        der.tlv(0xA0, der.sequence() * certificates),
        der.tlv(0xA1, der.sequence() * lists),
        der.tlv(der.SET, INFO * infos),
    )


def enveloped(*recipients: bytes) -> bytes:
    inner = der.sequence(DATA, der.sequence(der.oid("1.2.3")), der.tlv(0x80, bytes(16)))
    return info(ENVELOPED_DATA, der.tlv(der.SET, *recipients), inner)


def endless(tag: int, content: bytes, depth: int) -> bytes:
    return bytes((tag, 0x80)) * depth + content + b"\0\0" * depth


CMS = {
    "10,000 signer infos": signed_data(10_000),
    "10,000 digests": signed_data(1, digests=10_000),
    "10,000 certificates": signed_data(1, certificates=10_000),
    "10,000 CRLs": signed_data(1, lists=10_000),
    "one more signer info": signed_data(SIGNERS + 1),
    "one more certificate": signed_data(1, certificates=CERTIFICATES + 1),
    "one more CRL": signed_data(1, lists=REVOCATION_LISTS + 1),
    "100,000 recipients": enveloped(TRANSPORT * 100_000),
    "one more recipient": enveloped(TRANSPORT * (RECIPIENTS + 1)),
    "100,000 keys in one agreement": enveloped(
        der.tlv(0xA1, der.integer(3), der.explicit(0, der.explicit(1)), SHA256,
                der.sequence(der.sequence(NAME, der.octets(b"x")) * 100_000))
    ),
    "deep octet string": info(COMPRESSED_DATA, SHA256, der.sequence(DATA, der.explicit(0, endless(0x24, b"", 1000)))),
    "deep everything": endless(der.SEQUENCE, b"", 100_000),
    "a million segments": info(
        COMPRESSED_DATA, SHA256, der.sequence(DATA, der.explicit(0, b"\x24\x80" + b"\x04\0" * 1_000_000 + b"\0\0"))
    ),
}  # fmt: skip


# --- messages -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hostile:
    """One mail to be; ``row`` of the requirements, ``name`` of the kind."""

    row: str
    name: str
    make: Callable[[], bytes]


def messages(authority: Authority) -> Iterator[Hostile]:
    """Yield every kind; ``authority`` is trusted by whoever takes the mail in. Nothing is made before it is asked."""
    alice = authority.leaf(ALICE, kind="p256")
    yield Hostile("LIM-01", "1,001 parts", lambda: mail(multipart(*[TEXT] * 1001)))
    yield Hostile("LIM-01", "1,000 parts", lambda: mail(multipart(*[TEXT] * 999)))
    yield Hostile("LIM-01", "500 multiparts in one another", lambda: mail(nested(500)))
    yield Hostile("LIM-01", "20 multiparts of 10 MB in one another", lambda: mail(nested(20, b"x" * 78 * 130_000)))
    yield Hostile("LIM-01", "100,000 fields", lambda: mail(TEXT, *["X: y"] * 100_000))
    yield Hostile("LIM-01", "lines like delimiters", lambda: mail(multipart(TEXT + b"--xx\r\n" * 100_000)))
    for name, blob in CMS.items():
        yield Hostile("LIM-02", name, lambda blob=blob: mail(p7m(blob)))
    yield Hostile("LIM-02", "10 signers, 4 certificates each", lambda: mail(many_candidates(authority)))
    yield Hostile("LIM-02", "20 cross-signed certificates", lambda: mail(cross_signed(authority)))
    yield Hostile("LIM-02", "a signer's key of 16,384 bits", lambda: mail(huge_signer(authority)))
    yield Hostile("LIM-02", "a CA's key of 16,384 bits", lambda: mail(huge_issuer(authority)))
    for depth in (500, 100_000):
        for shape in ("({})", "g:{};", '"{}"', "<{}>"):
            author = nest(shape, depth) + f" {ALICE}"
            yield Hostile(
                "LIM-03", f"{depth} {shape} in From", lambda author=author: mail(signed(TEXT, alice), author=author)
            )
    fields = {
        "1 MiB To": "To: " + "a@example.com,\r\n " * (MEGABYTE // 17),
        "1 MiB To in one line": "To: " + "a@example.com," * (MEGABYTE // 14),
        "100,000 encoded words": "Subject: " + "=?utf-8?q?x?=\r\n " * 100_000,
        "60 kB of encoded words": "Subject: " + "=?utf-8?q?x?=\r\n " * 3500,
        "60 kB of From": "From: " + "a@example.com,\r\n " * 3500,
        "60 kB of results": "Authentication-Results: " + "(" * 30_000 + ")" * 30_000 + " x; dkim=pass",
    }
    for name, field in fields.items():
        yield Hostile("LIM-04", name, lambda field=field: mail(signed(TEXT, alice), field))
    yield Hostile("LIM-04", "1 MiB of parameters", lambda: mail(parameters(MEGABYTE // 8)))
    yield Hostile("LIM-04", "60 kB of parameters", lambda: mail(parameters(7000)))
    yield Hostile("LIM-04", "20 MB of empty lines", lambda: mail(TEXT + b"\r\n" * 10_000_000))
    yield Hostile(
        "LIM-04", "20 MB of line feeds, signed opaque", lambda: mail(made.opaque(TEXT + b"\n" * 10_000_000, alice))
    )
    yield Hostile("LIM-06", "50 MiB of zeros", lambda: mail(p7m(made.compressed(zeros(50)))))
    yield Hostile("LIM-06", "5 compressions", lambda: mail(compressions(5)))
    yield Hostile("LIM-06", "6 compressions", lambda: mail(compressions(6)))
    yield Hostile("LIM-06", "5 compressions of zeros", lambda: mail(compressions(5, TEXT + bytes(MEGABYTE))))


def nested(depth: int, body: bytes = b"") -> bytes:
    """Multiparts in one another."""
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        for level in reversed(range(depth))
    )
    return head + TEXT + body + b"".join(b"\r\n--b%d--\r\n" % level for level in range(depth))


def nest(shape: str, depth: int) -> str:
    """The two ends of ``shape``, each ``depth`` times."""
    opening, closing = shape.split("{}")
    return opening * depth + closing * depth


def parameters(count: int) -> bytes:
    return b"Content-Type: multipart/mixed" + b";\r\n a=b" * count + b"\r\n\r\nx\r\n"


def zeros(megabytes: int) -> bytes:
    """What zlib makes of zeros."""
    squeezed = zlib.compressobj(9)
    return b"".join([squeezed.compress(bytes(MEGABYTE)) for _ in range(megabytes)]) + squeezed.flush()


def compressions(depth: int, entity: bytes = TEXT) -> bytes:
    """An entity compressed again and again."""
    for _ in range(depth):
        entity = p7m(made.compressed(zlib.compress(entity)))
    return entity


def many_candidates(authority: Authority) -> bytes:
    """Ten signatures under a name that four certificates have."""
    same = [authority.leaf(ALICE, kind="p256", serial=77) for _ in range(4)]
    one = made.signer_info(same[0], made.attributes(TEXT), key=make_key("p256"))
    return made.clear(TEXT, made.signed_data([one] * 10, [*same, authority.intermediate]))


def cross_signed(authority: Authority, size: int = 20) -> bytes:
    """A signature whose certificates lead in circles: authorities that vouch for one another, as far as they fit."""
    roots = [authority.ca(f"Circle {number}", issuer=None, kind="p256") for number in range(size)]
    pairs = [
        (one, other) for step in range(1, size) for one, other in zip(roots, roots[step:] + roots[:step], strict=True)
    ]
    crossed = [
        authority.ca(f"Circle {roots.index(one)}", issuer=other, key=one.private_key, kind="p256")
        for one, other in pairs[: CERTIFICATES - 1]
    ]
    leaf = authority.leaf(ALICE, issuer=roots[0], kind="p256")
    cms = made.signed_data([made.signer_info(leaf, made.attributes(TEXT))], [leaf, *crossed])
    return made.clear(TEXT, cms)


class _Huge:
    """A public key of 16,384 bits: free to make, for nobody has the private one."""

    def public_key(self) -> rsa.RSAPublicKey:
        return rsa.RSAPublicNumbers(65537, 2**16_383 + 1).public_key()


def huge_signer(authority: Authority) -> bytes:
    """A signature said to be made by such a key."""
    leaf = authority.leaf(ALICE, key=_Huge())
    one = der.sequence(
        der.integer(1),
        issuer_and_serial(leaf.certificate),
        SHA256,
        der.set_of(made.attributes(TEXT), 0xA0),
        RSA_WITH_SHA256,
        der.octets(b"\x01" * 2048),
    )
    return made.clear(TEXT, made.signed_data([one], [leaf, authority.intermediate]))


def huge_issuer(authority: Authority) -> bytes:
    """A certificate said to be issued with such a key."""
    above = authority.ca("Huge", issuer=authority.intermediate, key=_Huge())
    leaf = authority.leaf(ALICE, issuer=replace(above, private_key=make_key("p256")), kind="p256", key_ids=False)
    forged = der.sequence(
        put(leaf.x509.tbs_certificate_bytes, (2,), RSA_WITH_SHA256),
        RSA_WITH_SHA256,
        der.tlv(der.BIT_STRING, b"\0" + b"\x01" * 2048),
    )
    signer = Issued(x509.load_der_x509_certificate(forged), leaf.private_key)
    one = made.signer_info(signer, made.attributes(TEXT))
    return made.clear(TEXT, made.signed_data([one], [signer, above, authority.intermediate]))
