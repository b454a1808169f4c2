"""Mail of other people's making, brought to the inbound engine over a real store, as the corpora's README says."""

import base64
import csv
import re
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.cms.compressed import Compressed
from gateway.cms.enveloped import Enveloped
from gateway.engine import opening
from gateway.engine.inbound import Inbound, InboundRules
from gateway.engine.judging import Judge
from gateway.engine.mark import Sealer
from gateway.engine.opening import Opener
from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction
from gateway.gather import Gather, Memory
from gateway.mail.envelope import Envelope, Recipient
from gateway.pki.validation import Strictness
from gateway.pki.verdicts import Verdicts
from gateway.policy.entitlement import Entitlement
from gateway.policy.rule import Rules
from gateway.smime.open import AnyLayer, SignedLayer
from gateway.store import Store, StoreOptions, open_store
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.story import tell
from tests.stores import ready

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
AUTHSERV_ID = "smime.gw.example.org"
NOBODY = "nobody@example.org"
Row = dict[str, str]


def rows() -> list[Row]:
    """Every mail and CMS object of the manifest that says what to expect of it; skips where there is none."""
    if not (CORPORA / "MANIFEST.tsv").exists():
        pytest.skip("no ../shared/corpora")
    with (CORPORA / "MANIFEST.tsv").open(encoding="utf-8", newline="") as table:
        found = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in found if row["kind"] not in ("certificate", "key", "pkcs12", "crl") and _expects(row)]


def _expects(row: Row) -> bool:
    wanted = ("expect_signature", "expect_encryption", "expect_reason", "plaintext_sha256")
    return any(row[column] for column in wanted)


class Stores:
    """A store for each combination of keys, certificates and anchors that rows ask for, all files imported alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused: dict[str, str] = {}
        self.of = cache(self._made)

    def for_row(self, row: Row) -> Store:
        """The store with what the row needs."""
        return self.of(*(row[column] for column in ("keys", "certificates", "anchors", "passphrase")))

    def _made(self, keys: str, certificates: str, anchors: str, passphrase: str) -> Store:
        state = self.folder / f"state{len(list(self.folder.iterdir()))}"
        store = open_store(StoreOptions(ready(state)), durable=False)
        options = ImportOptions(subject_email="always", accept_legacy=True)
        for name in filter(None, ",".join((anchors, certificates, keys)).split(",")):
            if name.endswith(".txt"):
                continue
            for item in import_file(store, (CORPORA / name).read_bytes(), [passphrase.encode()], options):
                if item.result == "refused":
                    self.refused[name] = f"{item.reason}: {item.text}"
        return store


def inbound(*, accept_legacy: bool, anybody: bool) -> Inbound:
    """The inbound side as the composition root builds it; ``anybody``: for rows whose certificate has no address."""
    judge = Judge(Verdicts(), Strictness(accept_legacy=accept_legacy))
    opener = Opener(judge, Entitlement(Rules(), anybody), 1000, 1 << 20, True, accept_legacy)
    return Inbound(InboundRules(), opener, Sealer(b"s" * 32, (AUTHSERV_ID,)), AUTHSERV_ID)


def receive(store: Store, row: Row, *, accept_legacy: bool) -> Outcome:
    """Run the row through the engine: at its clock, from its sender, to its recipient."""
    at = datetime.fromisoformat(row["at"]) if row["at"] else datetime(2026, 6, 1, tzinfo=UTC)
    recipient = row["recipient"]
    envelope = Envelope(row["sender"], (Recipient(recipient or NOBODY),))
    content = mail_of(row)
    transaction = Transaction("01", Direction.INBOUND, FrontEnd.SMTP, "mx", Client(), envelope, content, at)
    story = inbound(accept_legacy=accept_legacy, anybody=not recipient).story(transaction, at)
    return tell(story, Gather(store, Memory.ASKED))


def mail_of(row: Row) -> bytes:
    """The row as a mail on the wire: line ends CRLF; a bare CMS object in a mail that hardly labels it."""
    data = (CORPORA / row["file"]).read_bytes()
    if row["wrapped"] == "eml":
        return re.sub(rb"\r\n|\r|\n", b"\r\n", data)
    armoured = re.search(rb"-----BEGIN [A-Z0-9 ]+-----\s(.*?)-----END", data, re.DOTALL)
    text = base64.encodebytes(base64.b64decode(armoured[1]) if armoured else data).replace(b"\n", b"\r\n")
    head = b"From: Foreign <%s>\r\nMIME-Version: 1.0\r\n" % (row["sender"] or "foreign@example.net").encode()
    transfer = b"Content-Transfer-Encoding: base64\r\n\r\n"
    if row["kind"] != "signed-detached":
        return head + b"Content-Type: application/octet-stream; name=smime.p7m\r\n" + transfer + text
    (content,) = [name for name in row["certificates"].split(",") if name.endswith(".txt")]
    return b"".join(
        (
            head,
            b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=x\r\n\r\n--x\r\n',
            (CORPORA / content).read_bytes(),
            b"\r\n--x\r\nContent-Type: application/pkcs7-signature\r\n" + transfer + text + b"\r\n--x--\r\n",
        )
    )


class Unwrapped:
    """Watches what each layer held, as SHA-256, the outermost encrypted one before any other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.contents: list[tuple[bool, bytes]] = []
        read, decrypt, decompress = opening.read_layer, opening.decrypt, opening.decompress

        def reading(entity: opening.Entity) -> AnyLayer | None:
            layer = read(entity)
            if isinstance(layer, SignedLayer) and not layer.clear:
                self.contents.append((False, layer.content))
            return layer

        def decrypting(layer: Enveloped, *rest: object) -> bytearray:
            content = decrypt(layer, *rest)  # type: ignore[arg-type]
            self.contents.append((True, bytes(content)))
            return content

        def decompressing(layer: Compressed, limit: int) -> bytearray:
            content = decompress(layer, limit)
            self.contents.append((False, bytes(content)))
            return content

        monkeypatch.setattr(opening, "read_layer", reading)
        monkeypatch.setattr(opening, "decrypt", decrypting)
        monkeypatch.setattr(opening, "decompress", decompressing)

    def taken(self) -> str:
        """Return the hash for the row just run, and forget it."""
        found = sorted(self.contents, key=lambda pair: not pair[0])
        self.contents = []
        return sha256(found[0][1]).hexdigest() if found else ""
