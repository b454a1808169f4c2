"""The milter, on a unix socket: Postfix that has it look at every message, against the same Postfix without it.

Both relay to the same sink; the time ends when the queue is empty. A group's mail is signed, which replaces the body
and header fields; in mail of nobody's group the milter finds nothing to do.
"""

import importlib.util
from functools import partial

from benchmarks.ground import NOBODY, SIGNING, Ground
from benchmarks.ratio import Aim, NotMeasured, Row, Sides
from benchmarks.relaying import MESSAGES, MESSAGES_QUICK, through


def _sides(sender: str, kept: bool, ground: Ground) -> Sides:
    if importlib.util.find_spec("milter") is None:
        raise NotMeasured("pymilter is missing (extra milter)")
    messages = MESSAGES_QUICK if ground.quick else MESSAGES
    source = ["-F", str(ground.mail(sender)), *(["-d"] if kept else [])]
    postfix, _ = ground.postfix, ground.milter
    return Sides(
        partial(through, postfix, postfix.milter, messages, sender, *source),
        partial(through, postfix, postfix.relaying, messages, sender, *source),
    )


def _row(name: str, what: str, sender: str, *, kept: bool) -> Row:
    how = "kept connections" if kept else "a connection each"
    return Row(
        name=name,
        ours=f"Postfix relay with the milter, {what}, {how}",
        theirs="Postfix relay without",
        aim=Aim(0.6),
        show=lambda rate: f"{rate:.0f}/s",
        build=partial(_sides, sender, kept),
    )


ROWS = (
    _row("milter-pass", "untouched 10 kB", NOBODY, kept=False),
    _row("milter-pass-kept", "untouched 10 kB", NOBODY, kept=True),
    _row("milter-sign", "signed 10 kB", SIGNING, kept=False),
    _row("milter-sign-kept", "signed 10 kB", SIGNING, kept=True),
)
