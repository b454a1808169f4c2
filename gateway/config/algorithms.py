"""How mail is made, in general and for one group or partner."""

from typing import Literal

from gateway.config.section import Section, default

Digest = Literal["sha256", "sha384", "sha512"]
SignatureRsa = Literal["pkcs1v15", "pss"]
Form = Literal["clear", "opaque"]
Cipher = Literal["aes-256-cbc", "aes-256-gcm", "aes-128-gcm", "aes-128-cbc"]
TransportRsa = Literal["pkcs1v15", "oaep"]


class Signing(Section):
    """How signatures are made."""

    digest: Digest = default("sha256", "digest algorithm")
    rsa: SignatureRsa = default("pkcs1v15", "padding with RSA keys")
    form: Form = default("clear", "clear: readable everywhere; opaque: nothing on the way can alter it")


class Encryption(Section):
    """How mail is encrypted."""

    cipher: Cipher = default("aes-256-cbc", "content encryption; a recipient's announced capabilities may raise it")
    rsa: TransportRsa = default("pkcs1v15", "key transport to RSA keys")


class Algorithms(Section):
    """Cryptographic algorithms."""

    sign: Signing = default({}, "signatures")
    encrypt: Encryption = default({}, "encryption")
    accept_legacy: bool | Literal["open"] = default(
        False,
        "SHA-1, RSA-1024, DSA, 3DES and RC2-128 inbound: true: accepted; open: envelopes are opened; false: neither",
    )


class GroupSigning(Section):
    """How one group's signatures are made; null: as in general."""

    digest: Digest | None = default(None, "digest algorithm")
    rsa: SignatureRsa | None = default(None, "padding with RSA keys")
    form: Form | None = default(None, "clear or opaque")


class GroupEncryption(Section):
    """How one group's mail is encrypted; null: as in general."""

    cipher: Cipher | None = default(None, "content encryption")
    rsa: TransportRsa | None = default(None, "key transport to RSA keys")


class GroupAlgorithms(Section):
    """Algorithms of one group's outbound mail, or of mail to one partner."""

    sign: GroupSigning = default({}, "signatures")
    encrypt: GroupEncryption = default({}, "encryption")
