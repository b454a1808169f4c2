"""What a signature that holds teaches: the certificate to encrypt to when its author is answered (row CRT-05).

Only the signer's own certificate is learned, or the one of the same author that he signed for as his preference
(RFC 8551 §2.5.3), if its path holds by the same rules; and only for the address in From. Whatever else lies in the bag
of a signature serves to build paths; what lay between the certificate and its anchor comes along, so that the path can
be judged again whenever the certificate is to be used. What cannot be encrypted to is not worth learning.

Whether anything is stored, and what it may be used for, is not decided here.
"""

from gateway.engine.opened import Opened
from gateway.engine.transaction import Lesson
from gateway.mail.address import same_mailbox
from gateway.pki.acceptance import refusal
from gateway.pki.certificate import Certificate
from gateway.smime.finding import Status


def lesson_of(opened: Opened, author: str | None) -> Lesson | None:
    """Return what is to be learned of a message by ``author``; None: nothing."""
    if author is None or opened.signature.status is not Status.PASS:
        return None
    signer = opened.signature.signers[0]
    if not signer.encrypt_to or not _is_worth_it(signer.encrypt_to[0], author):
        return None
    certificate, *above = signer.encrypt_to
    return Lesson(author, certificate, signer.capabilities, tuple(above[:-1]))


def _is_worth_it(certificate: Certificate, author: str) -> bool:
    """Whether mail can be encrypted to it, and an import would take it; an address in its subject never counts."""
    if certificate.is_ca or not certificate.may_encrypt or not certificate.may_seal:
        return False
    if not any(same_mailbox(author, address) for address in certificate.addresses):
        return False
    return refusal(certificate, subject_email="never") is None
