"""Mail from outside, sealed by the ``cryptography`` package: what we must open and judge, made by somebody else."""

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tests.authority import Issued

SECRET = b"Our password is sesame."
ENTITY = b"Content-Type: text/plain\r\n\r\n" + SECRET + b"\r\n"


def head(*fields: str, message_id: str = "<7@customer.example>", to: str = "support@example.org") -> bytes:
    """The header of a customer's mail, without its content fields."""
    lines = [
        "Received: from mx.customer.example by mx.example.org; Mon, 1 Jun 2026 10:00:01 +0000",
        "From: Alice <alice@customer.example>",
        f"To: {to}",
        "Subject: Re: [Ticket#42] =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        *([f"Message-ID: {message_id}"] if message_id else []),
        *fields,
        "MIME-Version: 1.0",
        "",
    ]
    return "\r\n".join(lines).encode()


def encrypted(header: bytes, *to: Issued, entity: bytes = ENTITY) -> bytes:
    """A message that holds ``entity`` encrypted to these (RSA) certificates."""
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(entity)
    for recipient in to:
        builder = builder.add_recipient(recipient.x509)
    made = builder.encrypt(Encoding.SMIME, [pkcs7.PKCS7Options.Binary])
    content_fields = made.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").removeprefix(b"MIME-Version: 1.0\r\n")
    return header + content_fields


def signed(signer: Issued, entity: bytes = ENTITY) -> bytes:
    """The entity ``multipart/signed`` over ``entity``, with the signer's certificate in it and no other."""
    key = signer.private_key
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(entity).add_signer(signer.x509, key, SHA256())
    made = builder.sign(Encoding.SMIME, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
    return made.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").removeprefix(b"MIME-Version: 1.0\r\n")
