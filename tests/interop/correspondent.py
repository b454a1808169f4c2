"""Somebody else's mail program: it seals entities layer by layer, by ``openssl cms`` under options drawn at random.

A ``Signing`` or ``Sealing`` is one layer and says what to expect of it. The draw keeps to what OpenSSL 3.0 can do:
SHA-3 with RSA only, DSA up to SHA-256, no PSS while streaming, no X25519, no compression.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from hypothesis import strategies as st

from gateway.reason import Reason
from gateway.smime.finding import ORDER, ordered
from tests.authority import Authority, Issued, fresh_key
from tests.engine.world import AT, HELPDESK
from tests.inbound.made import ALICE, MALLORY
from tests.openssl import openssl, require_openssl

SIGNING = ("rsa-2048", "rsa-3072", "p256", "p384", "p521", "brainpool256", "dsa")
RECEIVING = ("rsa-2048", "rsa-3072", "p256", "p384", "p521", "brainpool256")
FAULTS = {
    "mallory": {Reason.ADDRESS_MISMATCH},
    "expired": {Reason.EXPIRED},
    "stranger": {Reason.NO_PATH},
    "dsa": {Reason.WEAK_ALGORITHM},
}
"""What is wrong with some of the signers."""
DIGESTS = ("sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512")
SHA2 = ("sha224", "sha256", "sha384", "sha512")
CIPHERS = {"aes128": "aes-128-cbc", "aes192": "aes-192-cbc", "aes256": "aes-256-cbc", "des3": "3des-cbc",
           "aes-128-gcm": "aes-128-gcm", "aes-192-gcm": "aes-192-gcm", "aes-256-gcm": "aes-256-gcm"}  # fmt: skip


@dataclass(frozen=True)
class Signing:
    """One signature. ``clear``: multipart/signed. ``people``: what is wrong with each signer's best signature."""

    clear: bool
    options: tuple[str, ...]
    people: Mapping[str, frozenset[Reason]]


@dataclass(frozen=True)
class Sealing:
    """One envelope. ``ours``: to the helpdesk among others."""

    cipher: str
    options: tuple[str, ...]
    ours: bool

    @property
    def opens(self) -> bool:
        """Whether the helpdesk can read it."""
        return self.ours and self.cipher != "3des-cbc"


Step = Signing | Sealing


def _maybe(*options: str) -> st.SearchStrategy[list[str]]:
    return st.sampled_from([[], list(options)])


def _one_of(flag: str, values: Iterable[str]) -> st.SearchStrategy[list[str]]:
    return st.sampled_from([[], *(["-keyopt", f"{flag}:{value}"] for value in values)])


@st.composite
def signings(draw: st.DrawFn, faults: bool = True) -> Signing:
    """One signature by up to three signers, in most draws acceptable ones."""
    who = draw(st.lists(st.sampled_from(SIGNING[:6]), min_size=1, max_size=3, unique=True))
    if faults and draw(st.integers(0, 3)) == 0:
        who.insert(draw(st.integers(0, len(who))), draw(st.sampled_from(sorted(FAULTS))))
    all_rsa = all(name.startswith("rsa") for name in who)
    digest = draw(st.sampled_from(SHA2[:2] if "dsa" in who else DIGESTS[1:] if all_rsa else SHA2))
    digest = "sha1" if faults and draw(st.integers(0, 11)) == 0 else digest
    clear, stream = draw(st.booleans()), draw(_maybe("-stream", "-indef"))
    options = ["-sign", "-md", digest, *stream, *([] if clear else ["-nodetach"])]
    for more in (("-keyid",), ("-cades",), ("-nosmimecap",), ("-nocerts",), ("-certfile", "intermediate.pem")):
        options += draw(_maybe(*more))
    for name in who:
        options += ["-signer", f"{name}.pem"]
        if not stream and not digest.startswith("sha3") and name.startswith("rsa") and draw(st.booleans()):
            options += ["-keyopt", "rsa_padding_mode:pss", *draw(_one_of("rsa_mgf1_md", SHA2))]
            options += draw(_one_of("rsa_pss_saltlen", ("0", "20", "32", "64")))
    wrong = {Reason.WEAK_ALGORITHM} if digest == "sha1" else set()
    people: dict[str, frozenset[Reason]] = {}
    for name in who:
        person = name if name == "mallory" else "alice"
        found = frozenset(wrong | FAULTS.get(name, set()))
        people[person] = better(people.get(person, found), found)
    return Signing(clear, tuple(options), people)


def better(*found: frozenset[Reason]) -> frozenset[Reason]:
    """Return the reasons of the best of one person's signatures (RFC 4853)."""
    return max(found, key=lambda reasons: ORDER.index(ordered(reasons)[0]) if reasons else len(ORDER))


@st.composite
def sealings(draw: st.DrawFn, faults: bool = True) -> Sealing:
    """One envelope to up to four recipients, in most draws to the helpdesk among them."""
    cipher = draw(st.sampled_from([cipher for cipher in CIPHERS if faults or cipher != "des3"]))
    ours = not faults or draw(st.integers(0, 7)) > 0
    to = draw(st.lists(st.sampled_from(RECEIVING), min_size=0 if ours else 1, max_size=3, unique=True))
    to += [f"desk-{draw(st.sampled_from(RECEIVING))}"] if ours else []
    options = ["-encrypt", f"-{cipher}", *draw(_maybe("-stream", "-indef")), *draw(_maybe("-keyid"))]
    for name in draw(st.permutations(to)):
        options += ["-recip", f"{name}.pem"]
        if "rsa" in name and draw(st.booleans()):
            options += ["-keyopt", "rsa_padding_mode:oaep", *draw(_one_of("rsa_oaep_md", ("sha1", *SHA2)))]
            options += [*draw(_one_of("rsa_mgf1_md", ("sha1", *SHA2))), *draw(_one_of("rsa_oaep_label", ("00a1b2",)))]
        elif "rsa" not in name:
            options += [*draw(_one_of("ecdh_kdf_md", ("sha1", *SHA2))), *draw(_one_of("ecdh_cofactor_mode", ("1",)))]
    return Sealing(CIPHERS[cipher], tuple(options), ours)


class Correspondent:
    """A folder with key and certificate of everyone, as PEM, and the command that uses them."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        require_openssl()
        self.folder = folder
        stranger = Authority(name="Strange")
        self.people: dict[str, Issued] = {
            **{kind: authority.leaf(ALICE, kind=kind) for kind in SIGNING},
            # Keys that nobody shares: by -keyid a mail to the owner of the same key would be ours to read.
            **{f"desk-{kind}": authority.leaf(HELPDESK, kind=kind, key=fresh_key(kind)) for kind in RECEIVING},
            "mallory": authority.leaf(MALLORY, kind="p256"),
            "expired": authority.leaf(ALICE, kind="p256", not_after=AT - timedelta(days=1)),
            "stranger": stranger.leaf(ALICE, kind="p256"),
        }
        for name, issued in self.people.items():
            (folder / f"{name}.pem").write_bytes(issued.key_pem() + issued.pem())
        (folder / "intermediate.pem").write_bytes(authority.intermediate.pem())
        (folder / "root.pem").write_bytes(authority.root.pem())

    @property
    def desks(self) -> Mapping[str, Issued]:
        """The helpdesk's."""
        return {name: issued for name, issued in self.people.items() if name.startswith("desk-")}

    def seal(self, entity: bytes, step: Step, *, as_text: bool = False) -> bytes:
        """Return the entity around ``entity``. ``as_text``: openssl gets bare line feeds, and makes CRLF of them."""
        (self.folder / "entity").write_bytes(entity.replace(b"\r\n", b"\n") if as_text else entity)
        how = () if as_text else ("-binary",)
        made = openssl("cms", *step.options, *how, "-in", "entity", "-outform", "SMIME", folder=self.folder)
        # On its way every line end becomes CRLF.
        return re.sub(rb"\r?\n", b"\r\n", made).removeprefix(b"MIME-Version: 1.0\r\n")
