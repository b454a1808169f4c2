"""What some reader takes in a way of its own, by the piece of a frame in which it stands. Line ends are left out."""

PAID = b"<p>Pay me.</p>"
EVIL = b"\r\nContent-Type: text/html\r\n\r\n" + PAID

FIELDS = [
    b"Content-Type: text/html", b"Content-type : text/html", b"Content-Type\x0b: text/html", b"Content-Type:",
    b">Content-Type: text/html", b"Content-Type): text/html",
    b"Content-Type\r\n : text/html", b"content_type: text/html", b"Content-Typ\xc3\xa9: text/html", b"Type: text/html",
    b"Content-Type-x: text/html", b"X-Content-Type: text/html", b"Content: text/html",
    b"Resent-Content-Type: text/html", b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable", b"Content-Encoding: gzip", b"Content-Transfer-Encoding: 7bit",
    b"Content-Transfer-Encoding: x-uuencode", b"Content-Transfer-Encoding: raw", b"Content-Disposition: attachment",
    b'Content-Disposition: inline; filename="bill.html"',
    b"Content-Disposition: attachment; filename*=utf-8''bill.html", b"Content-Disposition: x", b"Content-ID: <x@y>",
    b"Content-Location: bill.html", b"Content-Description: bill.html", b"Content-Base: x", b"Content-MD5: x",
    b"Content-Language: de", b"Content-Length: 0", b"Content-Length: 20", b"Lines: 2", b"Encoding: 7bit",
    b"MIME-Version: 1.0", b"MIME-Version: 2.0", b"Mime-Version: 1.0 (x)", b"Message-Type: Multiple Part", b"Pay me.",
    b" ", b"\t", b"X:", b"X:y", b"X: y\r\n ", b"X: y\r\n\t", b"X: " + b"y" * 2000, b"X: \xff", b"X: \0",
    b"X: y\rContent-Type: text/html", b"X: y\r", b"From nobody", b">From nobody", b": x", b"X y: z",
    b"X: =?utf-8?q?=0D=0AContent-Type:_text/html?=",
]  # fmt: skip

PARAMETERS = [
    b"", b'; x="; name=a b"', b'; x="filename=a b"', b";", b"; ;", b"; x", b"; x=", b"; =x", b"; x= ", b"; x=;",
    b"; x =y", b"; x= y", b"; x=y z", b"; x=(y)",
    b"; x*=y", b"; x*0=y", b"; x*='", b"; x=%", b"; x='", b"; x='y'", b'; x="y', b'; x="\\"', b'; x=""', b"; x=,",
    b"; x=a/b", b"; x=<y>", b"; x=[y]", b"; x=y@z", b"; x=y:z", b"; x=?", b"; x==", b"; x=y=z", b"; x={", b'; x="\'"',
    b'; x="("', b'; x=")"', b'; x=" y "', b'; x="y\r\n z"', b"; x=y\r\n ", b"; x.y=z", b"; x/y=z", b"; x%=z",
    b"; {x}=z", b"; 0=1", b"; -=-", b"; '=x", b"; x=" + b"y" * 998, b"; charset=utf-8", b"; charset=utf-16",
    b"; charset=utf-7", b"; charset=x-unknown", b"; charset=", b'; charset="utf-8', b'; name="bill.html"',
    b"; name=bill.html", b'; name="b1"', b"; name=smime.p7s", b"; type=text/html", b'; type="text/html"; start="<x@y>"',
    b"; format=flowed; delsp=yes", b"; report-type=x", b"; X-UNIX-MODE=0644", b"; boundar=y", b"; oundary=y",
    b"; boundaries=1", b"; protocol=application/pkcs7-signature", b"; hp=clear",
    b'; protocol="application/x-pkcs7-signature"', b'; protocol="application/pgp-signature"', b"; micalg=sha1, sha-256",
    b"; micalg=sha1,sha256", b" micalg=x", b" ;", b" ", b"\r\n ", b"\t", b" (x)", b";\r\n\t", b"\r\n ;x=y",
]  # fmt: skip

TYPE = b"Content-Type: application/pkcs7-signature"
ENCODING = b"Content-Transfer-Encoding: base64"
DISPOSITION = b'Content-Disposition: attachment; filename="smime.p7s"'
BEHIND_ENCODING = [
    b"X: y", b"Pay me.", b" ", b"From: mallory@example.net\r\nSubject: x", b"Content-Location: bill.html", b"X: \xff",
    b"Content-Description: bill.html", b"Content-ID: <x@y>", b"Content-Encoding: gzip", b"MIME-Version: 1.0",
    b"Content-Base: http://x/", b"Content-MD5: x", b"Content-Length: 3", b"Content-Transfer-Encoding: 7bit",
]  # fmt: skip

ODD: dict[str, list[bytes]] = {
    "outer": FIELDS,
    "above": FIELDS,
    "below": FIELDS,
    "field": [
        b"content-type:", b"CONTENT-TYPE:\r\n ", b"Content-Type :", b"Content-Type:\t", b"Content-Type:\r\n\t",
        b"Content-Type: \r\n ",
    ],
    "kind": [
        b"MULTIPART/SIGNED", b"multipart/signed ", b"multipart / signed", b"(text/html) multipart/signed",
        b"multipart/signed;", b"multipart/signed (text/html)", b'"multipart/signed"', b"multipart/signed,text/html",
        b"multipart/signed/x", b"multipart/signed\r\n ",
    ],
    "first": PARAMETERS,
    "last": PARAMETERS,
    "preamble": [
        b"This is an S/MIME signed message.", b"", b"\r\n", EVIL, b"--b0-" + EVIL, b"--b0x" + EVIL, b"--B0" + EVIL,
        b"--b1" + EVIL, b" --b0" + EVIL, b"\x0c--b0" + EVIL, b"--b0\t\x0b" + EVIL, b"--" + EVIL, b"-- ",
        b"--''b0" + EVIL, b"--b" + EVIL, b"x\r--b0" + EVIL, b"-b0" + EVIL, b"\xa0--b0" + EVIL, b"=--b0" + EVIL,
        b"x --b0" + EVIL, b"--(x)b0" + EVIL, b'--"b0"' + EVIL, b"--b0--" + EVIL, b"\0--b0" + EVIL,
        b"\xe2\x80\xa8--b0" + EVIL, b">--b0" + EVIL, b"From nobody" + EVIL, b"MIME-Version: 1.0" + EVIL, b".", b"\x1a",
        b"begin 644 bill.html\r\n#4&%Y\r\n`\r\nend",
    ],
    "opening": [b" ", b"\t", b"  \t ", b"\r", b"\r\n", b"\x0c", b"\0", b" x", b"-"],
    "between": [b" ", b"\t", b"\x0b", b"--", b"\r\n\r\n--b0", b"-"],
    "type": [
        b"X: y", TYPE, b"Content-Type: application/x-pkcs7-signature; name=smime.p7s", TYPE + b'; name="bill.html"',
        b"Content-Type: text/html", b'Content-Type: application/octet-stream; name="smime.p7s"',
        b"Content-Type: application/octet-stream", TYPE.replace(b": ", b": (text/html) "),
        TYPE.lower().replace(b": ", b":") + b";\r\n\tname=smime.p7s", TYPE + b"; name*=utf-8''smime.p7s",
        TYPE + b"\r\nContent-Type: text/html", TYPE + b'; name="smime.p7m"',
        TYPE + b'; name="bill.html"; name="smime.p7s"', TYPE + b"; charset=utf-8; name=smime.p7s",
        TYPE + b'; name="=?utf-8?q?bill.html?= .p7s"', TYPE + b'; name="=?utf-8?q?bill.html=00?=.p7s"',
        TYPE + b"; smime-type=signed-data", b"Content-Type: application/xpkcs7signature; name=smime.p7s",
        TYPE + b'; boundary="b0"', TYPE + b'; type="text/html"',
        b"Content-Type: application/pkcs7-mime; name=smime.p7s", TYPE + b";", TYPE.upper() + b"; NAME=SMIME.P7S",
        TYPE + b"; name=", TYPE + b"; format=flowed", TYPE + b'; name="a/b\\c.p7s"',
        TYPE + b'; name="bill.html%00.p7s"', TYPE + b'; name="<b>.p7s"', TYPE + b"; x=y z; name=smime.p7s",
        TYPE + b" ; name=smime.p7s",
    ],
    "encoding": [
        b"X: y", b"content-transfer-encoding:BASE64", b"Content-Transfer-Encoding: 7bit",
        b"Content-Transfer-Encoding: (7bit) base64", ENCODING + b" ", ENCODING + b";",
        b"Content-Transfer-Encoding:\r\n base64", b'Content-Transfer-Encoding: "base64"',
        b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: x-uuencode",
        b"Content-Transfer-Encoding : base64", *(ENCODING + b"\r\n" + more for more in BEHIND_ENCODING),
    ],
    "disposition": [
        b"X: y", b"Content-Disposition: inline", b'Content-Disposition: inline; filename="bill.html"',
        b"Content-Disposition: attachment; filename=smime.p7s; size=12",
        b"Content-Disposition: attachment; filename*=utf-8''bill.html",
        DISPOSITION + b'\r\nContent-Disposition: inline; filename="bill.html"',
        DISPOSITION + b'\r\nContent-Disposition: inline; filename="x.p7s"',
        b'Content-Disposition: attachment; filename="=?utf-8?q?bill=2Ehtml?=.p7s"',
        b"Content-Disposition: attachment; filename*0=bill; filename*1=.html",
        b'Content-Disposition: attachment (x); filename="smime.p7s"', b"Content-Disposition:",
        b'Content-Disposition: attachment; filename=""', b'Content-Disposition: "inline"; filename=smime.p7s',
        DISPOSITION + b'; name="bill.html"', DISPOSITION + b"; x*=y", b"Content-Disposition: x; filename=smime.p7s",
        DISPOSITION + b'; filename="bill.html"', b"Content-Disposition: attachment;filename=smime.P7S;",
        b'Content-Disposition: form-data; name="x.p7s"',
        b'Content-Disposition: attachment; filename="bill.html\xff.p7s"',
        b"Content-Disposition: attachment; filename = smime.p7s",
        b"Content-Disposition: attachment; filename=bill html.p7s",
        DISPOSITION + b'; creation-date="Mon, 1 Jan 2026 10:00:00 +0000"',
    ],
    "before": [PAID, b"<!--", b"", b" ", b"\t", b"=", b"\r\n--b0x", b"begin 644 x"],
    "after": [
        PAID, b"\r\n" + PAID, b"", b"\r\n", b" ", b"=", b"\r\n--b0x" + EVIL, b"--b0-" + EVIL, b"--B0" + EVIL, b"QUJD",
        b"====", b"\r", b"\x0c", b"\0", b"A", b"/",
    ],
    "closing": [
        b"", b"-- ", b"--\t", b"--x", b"-", b"--\r\n--b0", b"--\r\n--b0" + EVIL, EVIL, b" --", b"--\x0c",
        b"--\r\n--b0--",
    ],
    "epilogue": [
        EVIL, b"Scanned.", b"", b"--b1" + EVIL, b"\r\n--b0" + EVIL, b" --b0" + EVIL, b"--B0" + EVIL, b"--b0-" + EVIL,
        b"--" + EVIL, b"--" + EVIL + b"\r\n--", b'--\\"b0' + EVIL, b"--b" + EVIL, b".", b"\0", b"\x1a",
        b"begin 644 bill.html\r\n#4&%Y\r\n`\r\nend",
        b"\r\nFrom nobody Thu Jan  1 00:00:00 2026\r\nFrom: mallory@example.net\r\n\r\nPay me.",
    ],
}  # fmt: skip
"""By piece of ``frames.Frame``."""

BOUNDARIES = [
    (b'; boundary = "b0 x"', b"b0 x"), (b"; boundary=b0", b"b0"), (b';\r\n\tboundary="b0"', b"b0"),
    (b'; BOUNDARY="b0"', b"b0"),
    (b'; boundary = "b0"', b"b0"), (b'; boundary="b0 x"', b"b0 x"), (b'; boundary="b0 "', b"b0"),
    (b'; boundary=" b0"', b" b0"), (b'; boundary="b0\r\n x"', b"b0 x"), (b"; boundary=b0,x", b"b0,x"),
    (b'; boundary="b0,x"', b"b0,x"), (b'; boundary="b0:x"', b"b0:x"), (b'; boundary="b0/x"', b"b0/x"),
    (b'; boundary="b0?x="', b"b0?x="), (b'; boundary="b0(x)"', b"b0(x)"), (b'; boundary="b0<x>"', b"b0<x>"),
    (b'; boundary="(b0)x"', b"(b0)x"), (b"; boundary=\"b0'x\"", b"b0'x"), (b"; boundary='b0'", b"'b0'"),
    (b"; boundary=\"'b0'\"", b"'b0'"), (b"; boundary=b0'x", b"b0'x"), (b'; boundary="%620"', b"%620"),
    (b"; boundary=%620", b"%620"), (b'; boundary="b0*"', b"b0*"), (b"; boundary=b0*", b"b0*"),
    (b'; boundary="b0@x"', b"b0@x"), (b'; boundary="b0[x]{y}"', b"b0[x]{y}"), (b'; boundary="<b0>"', b"<b0>"),
    (b"; boundary={b0}", b"{b0}"), (b'; boundary="----=_Part_b0"', b"----=_Part_b0"), (b'; boundary="--b0"', b"--b0"),
    (b'; boundary="b0--"', b"b0--"), (b"; boundary=b0-", b"b0-"), (b'; boundary="--"', b"--"),
    (b'; boundary="-"', b"-"), (b'; boundary="b"', b"b"), (b'; boundary="B0"', b"B0"), (b"; boundary=b", b"b"),
    (b'; boundary="=?utf-8?q?b0?="', b"=?utf-8?q?b0?="), (b"; boundary*=''b0", b"b0"),
    (b"; boundary*=us-ascii''b0", b"b0"), (b'; boundary="="', b"="), (b'; boundary*0="b"; boundary*1="0"', b"b0"),
    (b'; boundary="\\b0"', b"b0"), (b'; boundary="b0\\"x"', b'b0"x'), (b'; boundary="b0;x"', b"b0;x"),
    (b'; boundary="b0"; boundary="b1"', b"b0"), (b'; x-boundary="b1"; boundary="b0"', b"b0"),
    (b'; x="boundary=b1"; boundary="b0"', b"b0"), (b'; x="; charset=b1"; boundary="b0"', b"b0"),
    (b'; boundary="b0" (b1)', b"b0"), (b'; boundary=(b1)"b0"', b"b0"), (b'; boundary="boundary"', b"boundary"),
    (b'; boundary="' + b"b0" * 35 + b'"', b"b0" * 35), (b'; boundary="' + b"b0" * 36 + b'"', b"b0" * 36),
    (b'; boundary="."', b"."), (b'; boundary="+"', b"+"), (b'; boundary="b0_^`|~!#$&x"', b"b0_^`|~!#$&x"),
    (b'; boundary="b0\tx"', b"b0\tx"), (b'; boundary="b0  x"', b"b0  x"), (b'; boundary="b0=x"', b"b0=x"),
    (b'; boundary="[b0"', b"[b0"), (b'; boundary="(b0"', b"(b0"), (b'; boundary="b0)"', b"b0)"),
    (b'; boundary="x@b0"', b"x@b0"), (b'; boundary="b0:"', b"b0:"),
]  # fmt: skip
"""The parameter as it is written, and the delimiter behind its dashes."""
