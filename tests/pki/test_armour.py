"""Files as they arrive: text around DER in every state, octets behind it, and files that are none of ours."""

import base64
import json
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.asn1 import der
from gateway.pki.armour import bare_base64, embedded, narrow
from gateway.pki.bundle import Bundle, read_bundle
from gateway.reason import Reason
from tests.authority import Authority, Issued


@pytest.fixture(scope="module")
def alice() -> Issued:
    return Authority().leaf("alice@example.com", kind="p256")


def lined(data: bytes, width: int = 64) -> str:
    return textwrap.fill(base64.b64encode(data).decode(), width)


def folded(data: bytes) -> str:
    return base64.b64encode(data).decode().replace("M", "M\n ", 1)


def forms(issued: Issued) -> dict[str, bytes]:
    pem = issued.pem().decode()
    return {
        "UTF-16 with a mark": pem.replace("\n", "\r\n").encode("utf-16"),
        "UTF-16, big-endian": b"\xfe\xff" + pem.encode("utf-16-be"),
        "UTF-16 without a mark": pem.encode("utf-16-le"),
        "UTF-16 without a mark, big-endian": pem.encode("utf-16-be"),
        "UTF-8 with a mark": b"\xef\xbb\xbf" + pem.encode(),
        "CR": pem.replace("\n", "\r").encode(),
        "quoted in an answer": "".join(f"> > {line}\n" for line in pem.splitlines()).encode(),
        "indented": "".join(f"\t  {line} \n" for line in pem.splitlines()).encode(),
        "in one line": " ".join(pem.split("\n")).encode(),
        "with line ends written out": json.dumps(pem).encode(),
        "with empty lines": pem.replace("\n", "\n\n").encode(),
        "bare base64": lined(issued.der).encode(),
        "bare base64 in UTF-16": lined(issued.der).encode("utf-16"),
        "bare base64 without padding": base64.b64encode(issued.der).rstrip(b"="),
        "LDIF": f"dn: cn=x\nmail: a@b\nuserCertificate;binary:: {folded(issued.der)}\n".encode(),
        "vCard": f"BEGIN:VCARD\r\nKEY;ENCODING=B:{folded(issued.der)}\r\nEND:VCARD\r\n".encode(),
        "JSON": json.dumps({"x5c": [base64.b64encode(issued.der).decode()]}).encode(),
        "DER and a line end": issued.der + b"\r\n",
        "DER and zeros": issued.der + bytes(16),
        "DER and something else": issued.der + b"footer",
        "PEM with octets behind the DER": b"-----BEGIN CERTIFICATE-----\n"
        + base64.encodebytes(issued.der + b"\0")
        + b"-----END CERTIFICATE-----\n",
    }


@pytest.mark.parametrize("form", forms(Authority().leaf("x@example.com", kind="p256")))
def test_a_certificate_in_any_state(alice: Issued, form: str) -> None:
    bundle = read_bundle(forms(alice)[form])
    assert bundle.faults == () and [item.der for item in bundle.certificates] == [alice.der]


def test_several_one_behind_the_other(alice: Issued) -> None:
    other = Authority().leaf("b@example.com", kind="p256")
    for file in (alice.der + other.der, base64.b64encode(alice.der + other.der)):
        assert [item.der for item in read_bundle(file).certificates] == [alice.der, other.der]


def test_a_pkcs12_in_base64(alice: Issued) -> None:
    bundle = read_bundle(base64.encodebytes(alice.p12(b"secret")), [b"secret"])
    assert len(bundle.keys) == 1 and alice.der in [item.der for item in bundle.certificates]


def test_a_key_under_old_headers_quoted_in_mail() -> None:
    lines = ["-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,00", "", "AAAA"]
    quoted = "".join(f"> {line}\n" for line in [*lines, "-----END RSA PRIVATE KEY-----"]).encode()
    (fault,) = read_bundle(quoted, [b"secret"]).faults
    assert fault.reason is Reason.BAD_PASSPHRASE


SPKI = der.sequence(der.sequence(der.oid("1.2.840.10045.2.1")), der.tlv(der.BIT_STRING, b"\0x"))
REQUEST = der.sequence(
    der.sequence(der.integer(0), der.sequence(), SPKI, der.tlv(0xA0)), der.sequence(), der.tlv(der.BIT_STRING, b"\0")
)


@pytest.mark.parametrize(
    ("file", "word"),
    [
        (b"\xfe\xed\xfe\xed\0\0\0\2" + bytes(20), "keytool"),
        (b"\xce\xce\xce\xce\0\0\0\2" + bytes(20), "Java"),
        (b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ== me@host\n", "OpenSSH"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@host\n", "OpenSSH"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "OpenSSH"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n", "OpenPGP"),
        (b"\x99\x01\x0d\x04" + bytes(20), "OpenPGP"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "public key"),
        (SPKI, "public key"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "request"),
        (REQUEST, "request"),
        (b"SQLite format 3\0" + bytes(20), "database"),
        (b"PK\x03\x04" + bytes(20), "ZIP"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(20), "Outlook"),
        (b"<!DOCTYPE html>\n<html>", "web page"),
    ],
)
def test_a_stranger_is_called_by_its_name(file: bytes, word: str) -> None:
    (fault,) = read_bundle(file).faults
    assert fault.reason is Reason.MALFORMED and word in fault.text


def test_what_is_no_base64_of_der() -> None:
    for file in (b"", b"hello", b"QUJD", b"MIIB=AAA", b"MIIB AAAA-", b"M"):
        assert bare_base64(file) is None
    assert list(embedded(b"MI" + b"A" * 50)) == []
    assert len(list(embedded(b"x: MI" + b"A" * 400))) == 1


@given(st.binary(max_size=200), st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-16-be"]))
def test_any_octets_are_read_to_an_end(data: bytes, charset: str) -> None:
    assert isinstance(narrow(data), bytes)
    for file in (data, base64.b64encode(data), data.decode("latin-1").encode(charset)):
        assert isinstance(read_bundle(file), Bundle) and read_bundle(file).objects
