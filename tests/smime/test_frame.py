"""The frame of clear-signed content, condition by condition (SIG-01)."""

import pytest

from gateway.errors import Malformed
from gateway.mail.entity import read_entity
from gateway.smime.frame import check_frame

HEAD = (
    b"From: Alice <alice@example.com>\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="b0"\r\n'
)
SIGNATURE = (
    b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
    b"Content-Transfer-Encoding: base64\r\n"
    b'Content-Disposition: attachment; filename="smime.p7s"\r\n'
)
PLAIN = (
    HEAD + b"\r\nThis is signed.\r\n--b0\r\nContent-Type: text/plain\r\n\r\nHello.\r\n"
    b"--b0\r\n" + SIGNATURE + b"\r\nMIIF\r\nAAA=\r\n--b0--\r\n"
)
EVIL = b"Content-Type: text/html\r\n\r\nPay me.\r\n"


def refusal(message: bytes) -> str:
    """What is wrong with a frame; empty: nothing."""
    try:
        check_frame(read_entity(message))
    except Malformed as error:
        return str(error)
    return ""


def changed(old: bytes, new: bytes) -> bytes:
    """The plain frame with one thing changed, once."""
    assert old in PLAIN
    return PLAIN.replace(old, new, 1)


def parameters(text: bytes, boundary: bytes = b"b0") -> bytes:
    """The plain frame with other parameters."""
    message = PLAIN.replace(b'; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="b0"', text)
    return message.replace(b"\n--b0", b"\n--" + boundary)


SENDERS = {
    "Thunderbird": b'; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="------------ms030708"',
    "Outlook": b';\r\n\tprotocol="application/x-pkcs7-signature";\r\n\tmicalg=SHA1;\r\n\tboundary="----=_01DA.5C9"',
    "Apple Mail": b';\r\n\tboundary=Apple-Mail-6BE1C9E8;\r\n\tprotocol="application/pkcs7-signature";\r\n\tmicalg=md5',
    "Gmail": b'; protocol="application/pkcs7-signature"; micalg=sha-256;\r\n\tboundary="000000000000a5b7f205f0a1b2c3"',
    "KMail": b'; boundary="nextPart2384752.ElGaqSPkdT"; micalg="sha-256"; protocol="application/pkcs7-signature"',
    "mutt": b';\r\n\tprotocol="application/x-pkcs7-signature";\r\n\tmicalg=sha256; boundary="yrj/dFKFPuw6o+aM"',
    "openssl": b'; protocol="application/pkcs7-signature"; micalg="sha-256"; boundary="----B1F4A3C09D"',
    "old openssl": b'; protocol="application/x-pkcs7-signature"; micalg=sha1; boundary="----B1F4A3C09D"',
    "in capitals": b'; PROTOCOL="APPLICATION/PKCS7-SIGNATURE"; BOUNDARY="Boundary_(ID b0)"',
    "unquoted": b"; protocol=application/pkcs7-signature; micalg=sha1,sha256; boundary=b0.x-y_z;",
    "no protocol": b"; boundary=b0",
    "longest": b"; boundary=" + b"b" * 70,
}


@pytest.mark.parametrize("text", SENDERS.values(), ids=SENDERS)
def test_frames_of_mail_programs(text: bytes) -> None:
    """Usual frames hold, folded with blanks or tabs, in any order and letter case."""
    boundary = read_entity(b"Content-Type: multipart/signed" + text + b"\r\n\r\n").content_type.parameters["boundary"]
    assert not refusal(parameters(text, boundary.encode()))


ALLOWED = {
    "text before": changed(b"This is signed.", b"<p>This is signed.</p>\r\n -- \r\n- x\r\n"),
    "nothing before": changed(b"This is signed.\r\n", b""),
    "text behind": PLAIN + b"Scanned.\r\n",
    "nothing behind": PLAIN.removesuffix(b"\r\n"),
    "blanks behind": PLAIN.removesuffix(b"\r\n") + b" \t\r\n",
    "inside a line": changed(b"Hello.", b"Hello --b0"),
    "dashes": changed(b"Hello.", b"--\r\n-- \r\nAlice\r\n--b"),
    "no MIME-Version": changed(b"MIME-Version: 1.0\r\n", b""),
    "left-over 8bit": changed(b"MIME-Version", b"Content-Transfer-Encoding: 8bit\r\nMIME-Version"),
    "left-over encoding": changed(b"MIME-Version", b"Content-Transfer-Encoding: raw\r\nMIME-Version").replace(
        b"text/plain\r\n", b"text/plain\r\nContent-Transfer-Encoding: 7bit\r\n"
    ),
    "old type": changed(b"application/pkcs7-signature; name", b"application/x-pkcs7-signature; name"),
    "unlabelled": changed(b"application/pkcs7-signature; name", b"application/octet-stream; name"),
    "no name": PLAIN.replace(b'; name="smime.p7s"', b"").replace(b'; filename="smime.p7s"', b""),
    "other name": PLAIN.replace(b"smime.p7s", b"SMIME.P7M"),
    "no disposition": changed(b'Content-Disposition: attachment; filename="smime.p7s"\r\n', b""),
    "description": changed(b"Content-Disp", b"Content-Description: S/MIME Cryptographic Signature\r\nContent-Disp"),
    "one line": changed(b"MIIF\r\nAAA=", b"MIIFAAA="),
    "no padding": changed(b"AAA=", b"AAA"),
    "blanks": changed(b"MIIF\r\n", b" MIIF\t\r\n\r\n"),
    "in capitals": PLAIN.replace(b"base64", b"BASE64"),
}


@pytest.mark.parametrize("message", ALLOWED.values(), ids=ALLOWED)
def test_sloppy_but_read_alike(message: bytes) -> None:
    """What every reader forgives in the same way is forgiven."""
    assert not refusal(message)


REFUSED = {
    "type twice": (changed(b"MIME-Version", b"Content-Type: text/html\r\nMIME-Version"), "parts, not content"),
    "type behind": (changed(b"\r\n\r\nThis", b"\r\nContent-Type: text/html\r\n\r\nThis"), "2 Content-Type fields"),
    "encoding twice": (changed(b"MIME-Version", b"Content-Transfer-Encoding: 7bit\r\n" * 2 + b"MIME-Version"), "2 Con"),
    "no field": (changed(b"MIME-Version", b"Pay me.\r\nMIME-Version"), "multipart/signed: a line in its header"),
    "blank before colon": (changed(b"MIME-Version:", b"MIME-Version :"), "a line in its header is no field"),
    "octet": (changed(b"micalg=", b"x=\xc3\xa9; micalg="), "not printable"),
    "tab": (changed(b"; micalg", b";\tmicalg"), "not printable"),
    "blank continuation": (changed(b'"b0"\r\n', b'"b0"\r\n \r\n'), "a line of blanks"),
    "lone CR": (changed(b"MIME-Version", b"X: y\rz\r\nMIME-Version"), "a CR alone"),
    "extended boundary": (parameters(b"; boundary=b0; boundary*=''b1"), "RFC 2231"),
    "boundary in pieces": (parameters(b"; boundary=b0; boundary*0=b1"), "RFC 2231"),
    "extended name": (parameters(b"; boundary=b0; name*=''x"), "RFC 2231"),
    "other extended": (parameters(b"; x*=''y; boundary=b0"), "RFC 2231"),
    "root's name": (changed(b"MIME-V", b"Content-Disposition: inline; filename*=''x.html\r\nMIME-V"), "RFC 2231"),
    "two boundaries": (parameters(b"; boundary=b0; Boundary=b1"), "2 parameters boundary"),
    "in a name": (parameters(b"; xboundary=b1; boundary=b0"), "the word boundary"),
    "in a value": (parameters(b'; x="; BOUNDARY=b1"; boundary=b0'), "the word boundary"),
    "like a name": (parameters(b'; protocol="x; name=a b"; boundary=b0'), "looks like a file name"),
    "like a name, too": (parameters(b'; boundary="filename=a b"', b"filename=a b"), "looks like a file name"),
    "not a token": (parameters(b"; boundary=b0,x", b"b0,x"), "has to be quoted"),
    "apostrophes": (parameters(b"; boundary='b0'", b"'b0'"), "has to be quoted"),
    "semicolon": (parameters(b'; boundary="b0;x"', b"b0;x"), "octets or blanks"),
    "blank at the end": (parameters(b'; boundary="b0 "'), "octets or blanks"),
    "blank at the beginning": (parameters(b'; boundary=" b0"', b" b0"), "octets or blanks"),
    "encoded word": (parameters(b'; boundary="=?x?q?b0?="', b"=?x?q?b0?="), "octets or blanks"),
    "blank inside": (parameters(b'; protocol=application/pkcs7-signature; boundary="b0 x"', b"b0 x"), "a blank or"),
    "blank before equals": (parameters(b'; boundary ="b0 x"', b"b0 x"), "a blank or semicolon"),
    "blank behind equals": (parameters(b'; x= y; boundary="b0 x"', b"b0 x"), "a blank or semicolon"),
    "blank before semicolon": (parameters(b'; x="; y" ; boundary="b0"'), "a blank or semicolon"),
    "blank behind the type": (parameters(b' ; x="y z"; boundary="b0"'), "a blank or semicolon"),
    "blank elsewhere": (parameters(b'; protocol=application/pkcs7-signature; x="y z"; boundary=b0'), "a blank or"),
    "escape": (parameters(b'; boundary="\\b0"'), "not written plainly"),
    "fold inside": (parameters(b'; boundary="b0\r\n x"', b"b0 x"), "not written plainly"),
    "comment": (parameters(b'; boundary="b0" (x)'), "not written plainly"),
    "nothing between": (parameters(b"; ; boundary=b0"), "not written plainly"),
    "angle brackets": (parameters(b'; boundary="<b0>"', b"<b0>"), "octets or blanks"),
    "rubbish": (parameters(b'; x; boundary="b0"'), "not written plainly"),
    "no value": (parameters(b"; x=; boundary=b0"), "not written plainly"),
    "no semicolon": (parameters(b'; x="y" z=1; boundary=b0'), "not written plainly"),
    "comment before": (changed(b"multipart/signed", b"(text/html) multipart/signed"), "not written plainly"),
    "dashes before": (changed(b"This is signed.", b"--b1\r\n" + EVIL), "a line of the preamble"),
    "dashes behind CR": (changed(b"This is signed.", b"x\r--b1\r\n" + EVIL), "a line of the preamble"),
    "longer": (changed(b"This is signed.", b"--b0-\r\n" + EVIL), "more than three lines"),
    "other case": (changed(b"This is signed.", b"--B0\r\n" + EVIL), "more than three lines"),
    "blank before": (changed(b"This is signed.", b" --b0\r\n" + EVIL), "more than three lines"),
    "control before": (changed(b"Hello.", b"\x0b\xa0--b0\r\n" + EVIL), "more than three lines"),
    "CR before": (changed(b"Hello.", b"x\r--b0"), "more than three lines"),
    "prefix inside": (changed(b"Hello.", b"--b0rder"), "more than three lines"),
    "behind": (PLAIN + b"--b0\r\n" + EVIL, "more than three lines"),
    "first line": (changed(b"\r\n\r\nThis", b"\r\n\r\n\t--b0\r\nThis"), "more than three lines"),
    "not closed": (changed(b"--b0--\r\n", b""), "fewer than three lines"),
    "closed with more": (changed(b"--b0--", b"--b0--x"), "no closing delimiter"),
    "closed behind a blank": (changed(b"\n--b0--", b"\n --b0--"), "no closing delimiter"),
    "padding": (changed(b"--b0\r\nContent-Type: text", b"--b0 \r\nContent-Type: text"), "behind a delimiter"),
    "one part": (changed(SIGNATURE, b"").replace(b"--b0\r\n\r\nMIIF", b"MIIF"), "1 parts"),
    "three parts": (changed(b"--b0--", b"--b0\r\n" + EVIL + b"--b0--"), "3 parts"),
    "taken over": (changed(b"MIME-Version", b"Content-Transfer-Encoding: base64\r\nMIME-Version"), "take over"),
}  # fmt: skip


@pytest.mark.parametrize(("message", "why"), REFUSED.values(), ids=REFUSED)
def test_taken_apart_in_two_ways(message: bytes, why: str) -> None:
    """What some reader takes in a way of its own is refused, and told."""
    if why == "parts, not content":  # the first Content-Type counts for us: it is no multipart/signed at all
        assert read_entity(message).content_type.type == "text/html"
    assert why in refusal(message)


UNSIGNED = {
    "html": (b"application/pkcs7-signature; name", b"text/html; name", "labelled text/html"),
    "odd type": (b"application/pkcs7-signature; name", b"application/xpkcs7signature; name", "xpkcs7signature"),
    "envelope's type": (b"application/pkcs7-signature; name", b"application/pkcs7-mime; name", "pkcs7-mime"),
    "comment": (b"application/pkcs7-signature; name", b"(text/html) application/pkcs7-signature; name", "plainly"),
    "blank": (b"application/pkcs7-signature; name", b"application/pkcs7-signature ; name", "labelled"),
    "blank inside": (b"application/pkcs7-signature; name", b"application/ pkcs7-signature; name", "plainly"),
    "loose": (b'; name="smime.p7s"', b'; x="; a b" ; name="smime.p7s"', "a blank or semicolon"),
    "type twice": (SIGNATURE, SIGNATURE + b"Content-Type: text/html\r\n", "the signature part: 2 Content-Type"),
    "no type": (b'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n', b"", "0 Content-Type"),
    "line": (SIGNATURE, SIGNATURE + b"Pay me.\r\n", "the signature part: a line"),
    "name": (b'name="smime.p7s"', b'name="bill.html"', "a name"),
    "file name": (b'filename="smime.p7s"', b'filename="smime.p7s.html"', "a name"),
    "second name": (b'filename="smime.p7s"', b'filename="smime.p7s"; filename="x.html"', "a name"),
    "extended name": (b'filename="smime.p7s"', b"filename*=''bill.html", "RFC 2231"),
    "no name for it": (SIGNATURE[: SIGNATURE.index(b"\r\n")], b"Content-Type: application/octet-stream", "labelled"),
    "octet": (b'name="smime.p7s"', b'name="\xff.p7s"', "not printable"),
    "boundary": (b'name="smime.p7s"', b'name="smime.p7s"; boundary=b0', "boundary"),
    "encoding twice": (b"base64\r\n", b"base64\r\nContent-Transfer-Encoding: 7bit\r\n", "2 Content-Transfer"),
    "other encoding": (b"base64", b"7bit", "not base64"),
    "no encoding": (b"Content-Transfer-Encoding: base64\r\n", b"", "not base64"),
    "encoding with a comment": (b"base64", b"(7bit) base64", "not base64"),
    "encoding folded": (b" base64", b"\r\n base64", "not base64"),
    "text before": (b"MIIF", b"<!--\r\nMIIF", "beside its base64"),
    "text behind": (b"AAA=", b"AAA=\r\n<p>Pay me.</p>", "beside its base64"),
    "behind the padding": (b"AAA=", b"AAA=\r\nAAAA", "beside its base64"),
    "too much padding": (b"AAA=", b"A===", "beside its base64"),
    "half an octet": (b"AAA=", b"A", "beside its base64"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "why"), UNSIGNED.values(), ids=UNSIGNED)
def test_a_signature_for_everybody(old: bytes, new: bytes, why: str) -> None:
    """The second part is a signature to every reader, under a signature's name and with nothing beside it."""
    head, second, tail = PLAIN.rpartition(b"--b0\r\n")
    assert old in tail
    if why == "labelled":
        tail = tail.replace(b'; filename="smime.p7s"', b"")
    assert why in refusal(head + second + tail.replace(old, new, 1))


@pytest.mark.parametrize("piece", [b"\n", b"\r", b" ", b"x", b"\n--b0", b"\n--B0", b" --b0", b"\nx--b0 "])
def test_many_of_one_thing(piece: bytes) -> None:
    """A frame is judged at once, whatever an attacker repeats."""
    assert isinstance(refusal(changed(b"Hello.", piece * 100_000)), str)
