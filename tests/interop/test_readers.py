"""The mail readers that judge us, on mail about which nobody can be of two minds."""

from tests.authority import Authority
from tests.inbound.made import ALICE, CANARY, TEXT, encrypted, mail, multipart, signed
from tests.interop.readers.reader import Reader


def test_readers_show_what_is_there(readers: list[Reader], authority: Authority) -> None:
    """TST-02: every reading of every reader shows the same parts and takes the same author."""
    alice = authority.leaf(ALICE, kind="p256")
    message = mail(signed(TEXT, alice))
    for reader in readers:
        read = reader.read(message)
        assert len(read.shown) >= 2
        for text, signature in read.shown:
            assert (text.type, text.body.strip()) == ("text/plain", CANARY), reader.name
            assert signature.type == "application/pkcs7-signature", reader.name
            assert signature.body.startswith(b"\x30"), reader.name
        assert set(read.authors) == {(ALICE,)}, reader.name


def test_readers_tell_apart(readers: list[Reader], authority: Authority) -> None:
    """TST-02: a part more, a name and another author are seen."""
    sealed = encrypted(TEXT, authority.leaf(ALICE))
    named = b'Content-Type: application/pdf; name="bill.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nUERG\r\n'
    message = mail(multipart(TEXT, sealed, named), author="Mallory <mallory@example.net>, carol@example.org")
    for reader in readers:
        read = reader.read(message)
        for leaves in read.shown:
            assert [leaf.type for leaf in leaves] == ["text/plain", "application/pkcs7-mime", "application/pdf"]
            assert leaves[2][1:] == ("bill.pdf", b"PDF"), reader.name
        assert set(read.authors) == {("mallory@example.net", "carol@example.org")}, reader.name
