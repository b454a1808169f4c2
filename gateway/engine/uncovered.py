"""What a signature does not cover, and a reader may take for the signer's word (RFC 8551 §3.1; rows SIG-07, SIG-12).

A signature vouches for the content and, by its certificate, for the address in From. The display name, Reply-To and
Date stand outside of it: whoever hands on a signed message can change them, and send it again months later. Nothing
follows from that but a word in our field and a note in the record.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from gateway.errors import Malformed
from gateway.mail.address import same_mailbox
from gateway.mail.author import Author, read_author, sole_mailbox
from gateway.mail.header import Header
from gateway.reason import Reason
from gateway.smime.finding import SignatureFinding, SignerFinding, Status, Uncovered

NEAR = timedelta(hours=24)
"""How far Date, receipt and signing time may lie apart."""


def with_uncovered(
    finding: SignatureFinding, header: Header, *, named: bool, arrived: datetime, fold: bool
) -> SignatureFinding:
    """Return a finding that says what it does not cover, and why nobody is the author where nobody is.

    ``named``: an author was found. ``arrived``: when the message came. ``fold``: see ``mail.address.folded``.
    """
    if not finding.signers:
        return finding
    author = read_author(header, fold=fold)
    if not named:
        fault = author.fault or "the header holds a line that is no field, or that some take for more"
        signers = tuple(_explained(signer, fault) for signer in finding.signers)
        return replace(finding, signers=signers, detail=finding.detail or _of_ambiguous(finding.reason, fault))
    if finding.status is not Status.PASS:
        return finding
    return replace(finding, uncovered=tuple(_uncovered(header, author, finding.signers[0], arrived, fold)))


def _explained(signer: SignerFinding, fault: str) -> SignerFinding:
    return replace(signer, detail=signer.detail or _of_ambiguous(signer.reason, fault))


def _of_ambiguous(reason: Reason | None, fault: str) -> str | None:
    return fault if reason is Reason.FROM_AMBIGUOUS else None


def _uncovered(
    header: Header, author: Author, signer: SignerFinding, arrived: datetime, fold: bool
) -> Iterator[Uncovered]:
    if author.names_other:
        yield Uncovered.NAME
    if any(not _is_signer(header.folded(field).strip(), signer, fold) for field in header.named("reply-to")):
        yield Uncovered.REPLY_TO
    times = [*_dates(header), arrived]
    signed_at = times[0] if signer.signing_time is None else signer.signing_time
    if any(abs(time - signed_at) > NEAR for time in times):
        yield Uncovered.DATE


def _is_signer(value: bytes, signer: SignerFinding, fold: bool) -> bool:
    """Whether answers go to the signer and to nobody else; an empty Reply-To sends them nowhere."""
    if not value:
        return True
    try:
        address, _ = sole_mailbox(value, fold=fold)
    except Malformed:
        return False
    return any(same_mailbox(address, name, fold=fold) for name in signer.addresses)


def _dates(header: Header) -> Iterator[datetime]:
    for field in header.named("date"):
        try:
            date = parsedate_to_datetime(header.value(field).decode("ascii"))
            yield date if date.tzinfo else date.replace(tzinfo=UTC)  # -0000: no zone is known (RFC 5322 §3.3)
        except (ValueError, OverflowError, IndexError, TypeError):
            continue
