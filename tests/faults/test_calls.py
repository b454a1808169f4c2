"""Every system call fails once, then for ever: files of the store, sockets, descriptors (REL-01, REL-08, REL-09).

Two stories: a message with a hidden recipient that a group must sign and encrypt (two copies, a ledger, a record), and
one that arrives encrypted to a key that is not there (tagged, held, a record). The first call fails, and the client
tries until it hears 250; then the second call; and so on. After each: what was acknowledged has arrived, nothing left
in clear, nobody was refused for good, and the daemon serves on. At the end the store is sound.

``SMIME_GATEWAY_SOAK=1`` tries every call; otherwise a sample.
"""

import errno
import os
import random
import secrets
import smtplib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.client import Letter, letter, submit
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import STRICT, SUPPORT, Daemon
from tests.e2e.sink import Mail, Sink
from tests.faults.control import Control, Kind, Mode
from tests.letters import encrypted, head

SOAK = bool(os.environ.get("SMIME_GATEWAY_SOAK"))
CASES = [
    (Kind.FILES, errno.EIO),
    (Kind.FILES, errno.ENOSPC),
    (Kind.SOCKETS, errno.ECONNRESET),
    (Kind.DESCRIPTORS, errno.EMFILE),
]
SAMPLE = 8
"""Calls tried of each kind, where not all are."""
ATTEMPTS = 20
PATIENCE = 1.0
"""Seconds a client waits for a reply."""


@dataclass(frozen=True)
class Story:
    """What is sent through which door, and what every copy of it must be."""

    door: str
    sender: str
    recipients: tuple[str, ...]
    make: Callable[[People], Letter]
    right: Callable[[Letter, Mail], bool]


def unreadable(people: People) -> Letter:
    """Mail to the helpdesk that only somebody else can open."""
    message_id = f"<{secrets.token_hex(8)}@customer.example>"
    return Letter(message_id, encrypted(head(message_id=message_id), people.issued[ALICE]))


LEAVING = Story(
    door="outbound",
    sender=STRICT,
    recipients=(ALICE, BOB),
    make=lambda _: letter(to=ALICE, sender=STRICT),
    right=lambda _, mail: b"smime-type=enveloped-data" in mail.content,
)
ARRIVING = Story(
    door="inbound",
    sender="alice@customer.example",
    recipients=(SUPPORT,),
    make=unreadable,
    right=lambda sent, mail: b"failed; reason=no-key" in mail.content and mail.content.endswith(sent.content),
)


@dataclass
class Rig:
    """A daemon of one worker whose calls can fail, and the sink behind it."""

    daemon: Daemon
    control: Control
    sink: Sink
    people: People

    def send(self, story: Story, sent: Letter, attempts: int = ATTEMPTS) -> bool:
        """Try until it is acknowledged; a refusal for good is never right."""
        for attempt in range(attempts):
            time.sleep(0.02 * attempt)
            port = self.daemon.doors[story.door]
            try:
                answer = submit(port, sent.content, *story.recipients, sender=story.sender, patience=PATIENCE)
            except (OSError, smtplib.SMTPException):
                continue
            assert answer.code < 500, f"{answer}: {self.daemon.log[-2000:]}"
            assert not any(code >= 500 for code, _ in answer.refused.values()), answer
            if answer.code == 250 and not answer.refused:
                return True
        return False

    def has_arrived(self, story: Story, sent: Letter) -> bool:
        """Whether everybody has a copy; every copy is what it must be."""
        copies = self.sink.found(lambda mail: mail.field("message-id") == sent.id.encode())
        assert all(story.right(sent, mail) for mail in copies)
        return {to for mail in copies for to in mail.recipients} == set(story.recipients)


@pytest.fixture
def rig(controlled: tuple[Daemon, Control], hop: Sink, people: People) -> Rig:
    daemon, control = controlled
    people.introduce(daemon)
    return Rig(daemon.start(), control, hop, people)


@pytest.mark.timeout(3600 if SOAK else 120)
@pytest.mark.parametrize(("kind", "error"), CASES)
@pytest.mark.parametrize("story", [LEAVING, ARRIVING], ids=["leaving", "arriving"])
def test_rel_09_every_call_fails(rig: Rig, story: Story, kind: Kind, error: int) -> None:
    assert rig.send(story, story.make(rig.people))
    count = calls_of_a_message(rig, story, kind)
    assert count > 0, "nothing could fail"
    turns = range(1, count + 1)
    chosen = turns if SOAK else sorted(random.Random(count).sample(turns, min(SAMPLE, count)))
    modes = (Mode.ONCE, Mode.FOREVER)
    faults = sum(one_fault(rig, story, kind, error, mode, turn) for turn in chosen for mode in modes)
    assert faults > len(chosen), "hardly anything failed"
    assert rig.send(LEAVING, LEAVING.make(rig.people), 1), "it is not as good as new"
    assert rig.daemon.stop() == 0
    store = sqlite3.connect(rig.daemon.folder / "state" / "store.db")
    assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    left = store.execute("SELECT owner, at, recipient FROM ledger WHERE NOT released").fetchall()
    assert left == [], rig.daemon.log[-20_000:]
    store.close()


def calls_of_a_message(rig: Rig, story: Story, kind: Kind) -> int:
    rig.control.arm(Mode.ONCE, kind, errno.EIO, 1 << 30)
    assert rig.send(story, story.make(rig.people))
    time.sleep(0.2)  # the record is written a moment later
    rig.control.disarm()
    return rig.control.calls


def one_fault(rig: Rig, story: Story, kind: Kind, error: int, mode: Mode, turn: int) -> int:
    """Send one message while that call fails; return how many did."""
    sent = story.make(rig.people)
    rig.control.arm(mode, kind, error, turn)
    went = rig.send(story, sent, ATTEMPTS if mode is Mode.ONCE else 2)
    if went:
        assert rig.has_arrived(story, sent)
    rig.control.disarm()
    assert went or rig.send(story, sent), f"call {turn}: it does not recover: {rig.daemon.log[-2000:]}"
    assert rig.has_arrived(story, sent)
    return rig.control.faults
