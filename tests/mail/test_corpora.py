"""Mail of other people's making: it is read without surprise, and survives canonicalisation."""

from pathlib import Path

import pytest

from gateway.errors import Malformed
from gateway.mail.canonical import canonical, is_robust
from gateway.mail.entity import decoded_body, read_entity
from gateway.mail.header import edit, read_header
from gateway.mail.mailbox import addresses_seen, mailboxes

from .mime import leaf_bodies, shape

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
MAILS = sorted(
    path for name in ("mail-parser", "mikel-mail", "mime-is-broken") for path in CORPORA.glob(f"{name}/**/*.eml")
)


@pytest.fixture(params=MAILS or [None], ids=lambda path: f"{path.parent.name}-{path.stem}" if path else "absent")
def content(request: pytest.FixtureRequest) -> bytes:
    if request.param is None:
        pytest.skip("no ../shared/corpora")
    raw: bytes = request.param.read_bytes()
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def test_everything_can_be_read(content: bytes) -> None:
    header = read_header(content)
    fields = header.fields
    assert b"".join(header.raw(field) for field in fields) == content[: header.end]
    assert edit(content, header, drop=fields) == content[header.end :]
    for field in header.named("from") + header.named("to"):
        seen = addresses_seen(header.value(field))
        assert len(header.text(field)) <= field.end - field.start
        try:
            found = mailboxes(header.value(field), groups=True)
        except Malformed:
            continue
        assert {mailbox.address for mailbox in found} <= set(seen)
    try:
        tree = read_entity(content)
    except Malformed:
        return
    for part in tree.walk():
        assert tree.start <= part.start <= part.body <= part.end <= tree.end
        try:
            assert len(decoded_body(part)) <= part.end - part.body
        except Malformed:
            assert part.encoding not in ("7bit", "8bit", "binary", "base64", "quoted-printable")


def test_out_06_leaves_survive_the_canonical_form(content: bytes) -> None:
    header = read_header(content)
    entity = b"".join(header.raw(field) for field in header.fields if field.name.startswith("content-"))
    entity += b"\r\n" + content[header.body :]
    form = canonical(entity)
    if not form.clear:
        assert form.content is entity
        return
    assert is_robust(form.content)
    assert shape(form.content) == shape(entity)
    assert leaf_bodies(form.content) == leaf_bodies(entity)
    assert canonical(form.content).content == form.content
