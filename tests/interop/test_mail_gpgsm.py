"""Mail that ``gpgsm`` sealed, wrapped into MIME as a mail program does, at our inbound engine; and ours at ``gpgsm``.

It writes to itself: the address of its certificate is sender and recipient.
"""

import binascii
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.mail.entity import decoded_body, read_entity
from gateway.pki.holding import Holding
from gateway.pki.key import SoftwareKey
from gateway.policy.rule import Group, Level, Rules
from tests.inbound.made import Desk, clear, mail, p7m, words
from tests.interop.contents import assert_shows, parts
from tests.interop.entities import ENTITIES
from tests.interop.gpgsm import GnuPG

ADDRESS, OTHER = "desk@example.org", "reader@example.org"
SEVERAL = settings(
    max_examples=max(settings().max_examples // 10, 1),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CIPHERS = {"AES": "aes-128-cbc", "AES192": "aes-192-cbc", "AES256": "aes-256-cbc", "3DES": None}
PEM, BASE64, BINARY = "--armor", "--base64", None


@pytest.fixture(scope="module")
def owner(gnupg: GnuPG) -> Desk:
    """A gateway for the owner of that key, who trusts his authority."""
    desk = Desk(gnupg.authority)
    desk.holdings = {name: [Holding(gnupg.who.certificate, trusted=True, has_key=True)] for name in (ADDRESS, OTHER)}
    desk.private_keys = {gnupg.who.certificate.public_key_id: SoftwareKey(gnupg.who.private_key)}
    return desk


def made(gnupg: GnuPG, form: str | None, *arguments: str, content: bytes) -> bytes:
    """Return the CMS structure that gpgsm makes of ``content``, however it writes it down."""
    how = [form] if form else []
    gnupg.run(*how, *arguments[:-1], "--output", "made", arguments[-1], gnupg.write("content", content))
    text = gnupg.read("made")
    return text if form is None else binascii.a2b_base64(re.sub(rb"-----.*-----", b"", text))


@SEVERAL
@given(
    entity=ENTITIES,
    digest=st.sampled_from(["SHA1", "SHA256", "SHA384", "SHA512"]),
    chain=st.sampled_from(["0", "1", "-1", "-2"]),
    detached=st.booleans(),
    form=st.sampled_from([PEM, BASE64, BINARY]),
    cipher=st.sampled_from([None, *CIPHERS]),
)
def test_mail_of_gpgsm(
    gnupg: GnuPG,
    owner: Desk,
    entity: bytes,
    digest: str,
    chain: str,
    detached: bool,
    form: str | None,
    cipher: str | None,
) -> None:
    """TST-02: signed, or signed and encrypted; certificates of the path in it or not."""
    options = ("--digest-algo", digest, "--include-certs", chain, "--detach-sign" if detached else "--sign")
    signature = made(gnupg, form, *options, content=entity)
    sealed = signed = clear(entity, signature) if detached else p7m(signature)
    if cipher:
        options = ("--cipher-algo", cipher, "--recipient", ADDRESS, "--encrypt")
        sealed = p7m(made(gnupg, form, *options, content=signed))
    owner.intermediates = [gnupg.authority.intermediate]
    outcome = owner.receive(mail(sealed, author=ADDRESS), ADDRESS, sender=ADDRESS)
    if cipher == "3DES":
        assert words(outcome) == ("none", "failed weak-algorithm")
        return assert_shows(outcome, sealed)
    assert words(outcome) == (
        "policy weak-algorithm" if digest == "SHA1" else "pass",
        "decrypted" if cipher else "none",
    )
    assert outcome.finding.encryption.cipher == (CIPHERS[cipher] if cipher else None)
    return assert_shows(outcome, signed if detached else entity)


@SEVERAL
@given(
    entity=ENTITIES,
    digest=st.sampled_from(["sha256", "sha384", "sha512"]),
    cipher=st.sampled_from([None, "aes-128-cbc", "aes-256-cbc"]),
)
def test_our_mail_at_gpgsm(gnupg: GnuPG, owner: Desk, entity: bytes, digest: str, cipher: str | None) -> None:
    """TST-02: taken apart as a mail program does. GnuPG 2.2 knows neither PSS nor OAEP nor AES-GCM."""
    encrypt = Level.REQUIRED if cipher else Level.NEVER
    owner.rules = Rules(groups=(Group("own", (ADDRESS,), Level.REQUIRED, encrypt),))
    owner.algorithms = replace(owner.algorithms, digest=digest, cipher=cipher or "aes-256-cbc")
    content = mail(entity, author=ADDRESS)  # to somebody of no group, with the same certificate
    message = bytes(owner.send(content, OTHER, sender=ADDRESS).deliveries[0].content)
    if cipher:
        gnupg.run("--output", "out", "--decrypt", gnupg.write("cms", decoded_body(read_entity(message))))
        message = gnupg.read("out")
    tree = read_entity(message)
    if tree.children:
        part, signature = tree.children
        shown = message[part.start : part.end]
        said = gnupg.run("--verify", gnupg.write("cms", decoded_body(signature)), gnupg.write("content", shown))
    else:
        said = gnupg.run("--output", "out", "--verify", gnupg.write("cms", decoded_body(tree)))
        shown = gnupg.read("out")
    assert b"Good signature" in said
    assert parts(shown) == parts(entity)
