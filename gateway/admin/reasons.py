"""Every reason in plain words, and what would cure it: of mail that was refused, that left unprotected, that arrived.

docs/operation.md ("Every reason") tells the same at length; ``tests/test_reasons.py`` sees to it that both know the
same reasons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.admin.sentence import Sentence
from gateway.reason import Reason


class Part(StrEnum):
    """What became of the message that a reason is about."""

    REFUSED = "refused"
    UNPROTECTED = "unprotected"
    ARRIVED = "arrived"


class Action(StrEnum):
    """What somebody can do about it."""

    IMPORT_CERTIFICATE = "import-certificate"
    IMPORT_KEY = "import-key"
    IMPORT_AUTHORITY = "import-authority"
    IMPORT_CRL = "import-crl"
    TRUST = "trust"
    RETRY = "retry"
    CONFIGURE = "configure"
    """Another value of a key of the configuration."""
    MEND = "mend"
    """What sends the mail has to be changed: a helpdesk, or a relay on the way."""
    SENDER = "sender"
    """Only who wrote the mail can do something."""
    WAIT = "wait"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Plain:
    """A reason in plain words, and its cure; ``setting``: the key of the configuration that would change it."""

    meaning: str
    action: Action | None = None
    setting: str | None = None


_CERTIFICATE, _MEND, _SENDER = Action.IMPORT_CERTIFICATE, Action.MEND, Action.SENDER

_EITHER: Mapping[Reason, Plain] = {
    Reason.NO_CERTIFICATE: Plain("No certificate is stored for this address.", _CERTIFICATE),
    Reason.NO_KEY: Plain("The private key of the sender's certificate is not here.", Action.IMPORT_KEY),
    Reason.EXPIRED: Plain("The certificates of this address have expired.", _CERTIFICATE),
    Reason.NOT_YET_VALID: Plain("The certificates of this address are not valid yet.", _CERTIFICATE),
    Reason.WRONG_USAGE: Plain("The certificates of this address are not for this purpose.", _CERTIFICATE),
    Reason.UNTRUSTED: Plain("The certificate of this address is not trusted, or waits for approval.", Action.TRUST),
    Reason.NO_PATH: Plain("The authority of this address's certificate is not stored.", Action.TRUST),
    Reason.REVOKED: Plain("The certificate of this address is revoked.", _CERTIFICATE),
    Reason.REVOCATION_UNKNOWN: Plain(
        "Whether the certificate of this address is revoked is not known.", Action.IMPORT_CRL
    ),
    Reason.WEAK_KEY: Plain("The key of this address's certificate is too short.", _CERTIFICATE),
    Reason.WEAK_ALGORITHM: Plain("No mail is made with the algorithm of this certificate.", _CERTIFICATE),
    Reason.UNSUPPORTED_ALGORITHM: Plain("No mail is made with this kind of key.", _CERTIFICATE),
    Reason.LOOKUP_FAILED: Plain("A source of certificates could not be asked.", Action.WAIT),
}

_REFUSED: Mapping[Reason, Plain] = {
    Reason.FROM_AMBIGUOUS: Plain("From is not one address to every reader.", _MEND),
    Reason.NOT_AUTHORISED: Plain(
        "This client may not send as the group, or may not use the door.", Action.CONFIGURE, "groups[].submitters"
    ),
    Reason.UNKNOWN_SENDER: Plain("The sender is in no group.", Action.CONFIGURE, "groups"),
    Reason.ALREADY_PROTECTED: Plain("Signing is required, and the message is encrypted already.", _MEND),
    Reason.OVERRIDE: Plain("The message asks for protection in words that are unknown.", _MEND),
    Reason.NOT_ENABLED: Plain(
        "Protection was asked for, and the gateway is switched off.", Action.CONFIGURE, "enabled"
    ),
    Reason.REPLY_TO_ENCRYPTED: Plain(
        "It answers mail that came encrypted, and cannot be encrypted to everybody.", _CERTIFICATE
    ),
    Reason.HIDDEN_RECIPIENT: Plain(
        "Hidden recipients need copies of their own, which a milter cannot make.", Action.CONFIGURE, "listeners"
    ),
    Reason.MIXED_RECIPIENTS: Plain(
        "Some recipients need copies of their own, which a milter cannot make.", Action.CONFIGURE, "listeners"
    ),
    Reason.TRANSIT: Plain("It is mail from outside that is sent on, which is never signed.", _MEND),
    Reason.MALFORMED: Plain("The header of the message cannot be read.", _MEND),
    Reason.INTERNAL: Plain("The message ended processes of the gateway.", Action.REPORT),
    Reason.LIMIT: Plain("There were too many connections.", Action.CONFIGURE, "limits"),
}

_UNPROTECTED: Mapping[Reason, Plain] = {
    Reason.POLICY_NEVER: Plain("The group's policy says never.", Action.CONFIGURE, "groups"),
    Reason.OVERRIDE: Plain("The message itself asked for it.", Action.CONFIGURE, "overrides"),
    Reason.UNKNOWN_SENDER: Plain("The sender is in no group.", Action.CONFIGURE, "groups"),
    Reason.ALREADY_PROTECTED: Plain("The message was protected when it came, and stays so."),
    Reason.AUTOMATIC: Plain("It is an automatic report."),
    Reason.INTERNAL_RECIPIENT: Plain("All recipients are colleagues.", Action.CONFIGURE, "internal.encrypt"),
    Reason.EXEMPT: Plain("Its content type is exempt.", Action.CONFIGURE, "overrides.exempt"),
    Reason.HIDDEN_RECIPIENT: _REFUSED[Reason.HIDDEN_RECIPIENT],
    Reason.MIXED_RECIPIENTS: _REFUSED[Reason.MIXED_RECIPIENTS],
    Reason.REPLY_TO_ENCRYPTED: Plain("It answers mail that came encrypted, and left in clear.", _CERTIFICATE),
    Reason.TRANSIT: Plain("It is mail from outside that is sent on, or for nobody here."),
    Reason.NOT_ENABLED: Plain("The gateway is switched off.", Action.CONFIGURE, "enabled"),
}

_ARRIVED: Mapping[Reason, Plain] = {
    Reason.ALTERED: Plain("The content is not what was signed: something changed it on the way.", _MEND),
    Reason.BAD_SIGNATURE: Plain("The signature is wrong.", _SENDER),
    Reason.NO_CERTIFICATE: Plain("The signature carries no certificate, and none is stored.", _CERTIFICATE),
    Reason.NO_PATH: Plain("An authority between signer and anchor is missing.", Action.IMPORT_AUTHORITY),
    Reason.UNTRUSTED: Plain("The signer's authority is not trusted, or something is distrusted.", Action.TRUST),
    Reason.EXPIRED: Plain("The signer's certificate, or one above it, had expired.", _SENDER),
    Reason.NOT_YET_VALID: Plain("The signer's certificate, or one above it, was not valid yet.", _SENDER),
    Reason.REVOKED: Plain("The signer's certificate, or one above it, is revoked.", _SENDER),
    Reason.REVOCATION_UNKNOWN: Plain("Whether the signer's certificate is revoked is not known.", Action.IMPORT_CRL),
    Reason.WRONG_USAGE: Plain("The signer's certificate, or one above it, is not for mail.", _SENDER),
    Reason.ADDRESS_MISMATCH: Plain("The signer is not the From: a mailing list, or a forgery.", _SENDER),
    Reason.FROM_AMBIGUOUS: Plain("From is not one address to every reader.", _SENDER),
    Reason.PARTIAL: Plain("Only a part of the message is protected: treat it as not protected.", _SENDER),
    Reason.NO_SIGNER: Plain("It is a signature without a signer: treat it as not signed.", _SENDER),
    Reason.WEAK_ALGORITHM: Plain(
        "An algorithm is too weak to be believed.", Action.CONFIGURE, "algorithms.accept_legacy"
    ),
    Reason.WEAK_KEY: Plain("A key is too short to be believed.", Action.CONFIGURE, "algorithms.accept_legacy"),
    Reason.UNSUPPORTED_ALGORITHM: Plain("It is of a kind that is not read here.", _SENDER),
    Reason.MALFORMED: Plain("It does not parse, or reads differently to different readers.", _SENDER),
    Reason.LIMIT: Plain("It is over a fixed limit.", _SENDER),
    Reason.INTERNAL: Plain("A fault of the gateway kept it from being judged.", Action.REPORT),
    Reason.NO_KEY: Plain("It is encrypted to none of the keys here.", Action.IMPORT_KEY),
    Reason.NOT_ADDRESSED: Plain(
        "A key for it is here, and its owner is no recipient of the message.", Action.CONFIGURE, "groups[].recipients"
    ),
    Reason.DECRYPT_FAILED: Plain("It could not be decrypted.", _SENDER),
    Reason.KEY_REUSED: Plain("Its content key opened something else before.", Action.RETRY),
    Reason.RATE: Plain("This key failed too often within an hour.", Action.WAIT),
    Reason.REQUIRED_INBOUND: Plain("It lacks the protection that this partner's mail must have.", _SENDER),
    Reason.TRANSIT: Plain("It is for nobody here, and was not looked into."),
    Reason.NOT_ENABLED: Plain("The gateway is switched off.", Action.CONFIGURE, "enabled"),
}

PLAIN: Mapping[Part, Mapping[Reason, Plain]] = {
    Part.REFUSED: {**_EITHER, **_REFUSED},
    Part.UNPROTECTED: {**_EITHER, **_UNPROTECTED},
    Part.ARRIVED: _ARRIVED,
}

CURES: Mapping[Action, Sentence] = {
    Action.IMPORT_CERTIFICATE: Sentence("Import a certificate of {name}"),
    Action.IMPORT_KEY: Sentence("Import the private key of {name}"),
    Action.IMPORT_AUTHORITY: Sentence("Import the authority {name}"),
    Action.IMPORT_CRL: Sentence("Import a revocation list of {name}"),
    Action.TRUST: Sentence("Trust {name}"),
    Action.RETRY: Sentence("Try the held message again"),
    Action.CONFIGURE: Sentence("Change {name} in the configuration"),
    Action.MEND: Sentence("What sends the mail, or lies on its way, has to be changed"),
    Action.SENDER: Sentence("Only the sender can do something about it"),
    Action.WAIT: Sentence("Wait, and have it sent again"),
    Action.REPORT: Sentence("Report it, with the lines of the service's log"),
}


def plain(part: Part, reason: Reason) -> Plain:
    """Return a reason in plain words; one that another version wrote speaks for itself."""
    return PLAIN[part].get(reason) or Plain(str(reason))
