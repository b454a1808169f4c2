"""One form for what an import takes: looked at first, then done."""

import base64
import re
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.admin import certificates
from gateway.admin.certificates import CertificateFilter
from gateway.clock import now
from gateway.web.console import sealed
from gateway.web.console.visit import LARGEST_FILE
from gateway.wiring import Wiring
from tests.authority import Authority
from tests.web.console.conftest import Reader

SECRET = "the passphrase of a key"


def carried(text: str) -> str:
    found = re.search(r'name="sealed" value="([^"]+)"', text)
    assert found
    return found[1]


def has(wiring: Wiring, text: str) -> bool:
    return bool(certificates.listed(wiring, CertificateFilter(text=text)).items)


def test_a_file_is_looked_at_and_then_stored(operator: Reader, wiring: Wiring, authority: Authority) -> None:
    bundle = authority.leaf("new@example.com", kind="p256").p12(SECRET.encode(), chain=False)
    form = {"file": ("key.p12", bundle, "application/x-pkcs12")}
    look = operator.send("/add", form, passphrase=SECRET)
    assert look.status_code == 200
    assert "Store 2 objects" in look.text
    assert not has(wiring, "new@example.com")
    assert SECRET not in look.text
    opened = base64.urlsafe_b64decode(carried(look.text))
    assert SECRET.encode() not in opened
    assert bundle[40:80] not in opened
    done = operator.send("/add/now", {"file": ("", b"")}, sealed=carried(look.text))
    assert done.status_code == 200
    assert 'badge good">added' in done.text
    (item,) = certificates.listed(wiring, CertificateFilter(text="new@example.com")).items
    assert item.has_key


def test_what_is_refused_is_said_with_its_reason(operator: Reader, authority: Authority) -> None:
    bundle = authority.leaf("new@example.com", kind="p256").p12(SECRET.encode())
    look = operator.send("/add", {"file": ("key.p12", bundle)}, passphrase="wrong")
    assert "wrong passphrase" in look.text
    assert "/add/now" in look.text
    assert "Store" not in look.text
    known = operator.send("/add", text=authority.root.pem().decode())
    assert "known already" in known.text


def test_nothing_at_all_is_no_import(operator: Reader) -> None:
    assert operator.send("/add").status_code == 422
    assert operator.send("/add", {"file": ("x", b"")}, text="  ").status_code == 422
    junk = operator.send("/add", text="no certificate")
    assert junk.status_code == 200
    assert "unreadable" in junk.text


def test_one_that_may_be_either_is_asked_about(admin: Reader, wiring: Wiring, authority: Authority) -> None:
    either = authority.self_signed(
        subject_addresses=("both@example.com",), ca=True, kind="p256", key_usage=None, extended_key_usage=None
    )
    look = admin.send("/add", text=either.pem().decode())
    assert "A person or an authority?" in look.text
    assert "Store" not in look.text
    again = admin.send("/add", {"file": ("", b"")}, sealed=carried(look.text), whose="authority")
    assert "trust anchor" in again.text
    assert admin.send("/add/now", {"file": ("", b"")}, sealed=carried(again.text)).status_code == 200
    assert certificates.shown(wiring, either.certificate.fingerprint).anchored


def test_what_no_form_of_ours_offers_is_not_here(operator: Reader, authority: Authority) -> None:
    text = authority.leaf("new@example.com", kind="p256").pem().decode()
    for wrong in ({"trust": "all"}, {"whose": "nobody"}):
        assert operator.send("/add", text=text, **wrong).status_code == 404
    mine = carried(operator.send("/add", text=text).text)
    assert operator.send("/add/now", {"file": ("", b"")}, sealed=mine, whose="nobody").status_code == 404


def test_an_anchor_is_an_administrators_to_make(operator: Reader, wiring: Wiring, authority: Authority) -> None:
    root = Authority("p256", "Another").root
    look = operator.send("/add", text=root.pem().decode())
    assert "only an administrator may" in look.text
    assert "Store" not in look.text
    assert operator.send("/add/now", {"file": ("", b"")}, sealed=carried(look.text)).status_code == 403
    assert not has(wiring, "Another Root")
    nothing = operator.send("/add", text=root.pem().decode(), trust="none")
    assert operator.send("/add/now", {"file": ("", b"")}, sealed=carried(nothing.text)).status_code == 200
    assert not certificates.shown(wiring, root.certificate.fingerprint).anchored
    assert operator.send("/add", text=root.pem().decode(), trust="cas").text.count("only an administrator may") == 1


def test_what_was_looked_at_is_good_for_a_while_and_for_nobody_else(
    operator: Reader, signed_in: Callable[[str], Reader], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = authority.leaf("new@example.com", kind="p256").pem().decode()
    mine = carried(operator.send("/add", text=text).text)
    assert signed_in("admin").send("/add/now", {"file": ("", b"")}, sealed=mine).status_code == 409
    for broken in ("", "x", mine[:-8], mine[:20] + "AAAA" + mine[24:], "ü" + mine):
        assert operator.send("/add/now", {"file": ("", b"")}, sealed=broken).status_code == 409
    import gateway.web.console.adding as adding

    monkeypatch.setattr(adding, "now", lambda: now() + sealed.GOOD_FOR + timedelta(seconds=1))
    assert operator.send("/add/now", {"file": ("", b"")}, sealed=mine).status_code == 409


def test_web_03_a_files_name_and_text_are_text(operator: Reader, authority: Authority) -> None:
    """WEB-03."""
    hostile = authority.leaf("h@example.com", kind="p256", common_name="<script>hurt=1</script>")
    look = operator.send("/add", {"file": ("<script>hurt=1</script>.pem", hostile.pem())})
    assert "<script>hurt" not in look.text


def test_what_is_too_large_is_not_taken_in(operator: Reader) -> None:
    """WEB-04: said, and never all of it in memory."""
    over = operator.send("/add", {"file": ("big.pem", b"x" * (LARGEST_FILE + 1))})
    assert over.status_code == 413
    assert "8 MB" in over.text
    assert operator.send("/add", {"file": ("huge.pem", b"x" * (60 << 20))}).status_code == 413
    endless = (b"x" * (1 << 20) for _ in range(60))
    fields = operator.fields | {"Content-Type": "multipart/form-data; boundary=b"}
    answer = operator.client.post("/add", content=endless, headers=fields)
    assert answer.status_code == 413


def test_an_upload_is_in_no_temporary_file(
    operator: Reader, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may be a private key in clear. Here no temporary file can be made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    own = authority.leaf("new@example.com", kind="p256")
    large = own.pem() + own.key_pem() + b"\n" * (3 * 1024 * 1024)
    look = operator.send("/add", {"file": ("own.pem", large)})
    assert look.status_code == 200
    assert "Store 2 objects" in look.text
