"""What is asked of the policy: the facts of one outbound message that rules look at, and no content."""

from dataclasses import dataclass

from gateway.policy.rule import Level, ReplyRule


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the message asks for itself; None: nothing. ``unknown`` names a request field whose value is no level."""

    sign: Level | None = None
    encrypt: Level | None = None
    unknown: str | None = None

    @property
    def required(self) -> bool:
        """Whether some protection must not be left out."""
        return Level.REQUIRED in (self.sign, self.encrypt)


@dataclass(frozen=True, slots=True)
class Question:
    """One message as policy sees it.

    ``author``: the one mailbox of the one From field, else None; then ``claimed`` holds every address seen in the
    envelope sender, From, Sender and Resent-From. ``visible``: recipients that To and Cc show, folded; None: nobody
    is hidden (a composer's question). ``report``: null sender and a delivery or disposition report.
    ``exempt``: it is, or holds, a content type that rules leave alone.
    ``signed`` and ``encrypted``: the message already is. ``arrived``: a gateway judged it on its way in.
    """

    sender: str
    recipients: tuple[str, ...]
    author: str | None
    fault: str | None = None
    """Why there is no author."""
    claimed: tuple[str, ...] = ()
    visible: frozenset[str] | None = None
    wishes: Wishes = Wishes()
    report: bool = False
    exempt: bool = False
    signed: bool = False
    encrypted: bool = False
    arrived: bool = False
    answers: ReplyRule | None = None
    """The strictest setting of the opened mail that it answers, holds or is; of somebody in no group: that it holds or
    is. None: there is none."""
    holds_opened: bool = False
    """It holds or is opened mail, word for word as far as one can tell: whoever gets it back reads it."""
    client: str | None = None
    login: str | None = None
    local: bool = False
    """Asked by a command on this machine: submitters are not checked."""
    can_split: bool = True
