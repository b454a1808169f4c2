"""The closed set of reason codes: why a signature, an encryption, an import or a message came out as it did.

Records, headers, replies, metrics and JSON use these words and no others.
"""

from enum import StrEnum


class Reason(StrEnum):
    """One word per cause. The groups follow the order in which an operator asks."""

    # what is not there
    NO_CERTIFICATE = "no-certificate"
    NO_KEY = "no-key"
    NO_PATH = "no-path"
    UNTRUSTED = "untrusted"
    # what is wrong with a certificate or a layer
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation-unknown"
    WRONG_USAGE = "wrong-usage"
    WEAK_KEY = "weak-key"
    WEAK_ALGORITHM = "weak-algorithm"
    UNSUPPORTED_ALGORITHM = "unsupported-algorithm"
    # who it claims to be from
    ADDRESS_MISMATCH = "address-mismatch"
    FROM_AMBIGUOUS = "from-ambiguous"
    # what the mathematics says
    ALTERED = "altered"
    BAD_SIGNATURE = "bad-signature"
    NO_SIGNER = "no-signer"
    # what could not be judged
    PARTIAL = "partial"
    MALFORMED = "malformed"
    LIMIT = "limit"
    INTERNAL = "internal"
    RATE = "rate"
    # decryption
    DECRYPT_FAILED = "decrypt-failed"
    NOT_ADDRESSED = "not-addressed"
    KEY_REUSED = "key-reused"
    # what a partner or a source lacks
    REQUIRED_INBOUND = "required-inbound"
    LOOKUP_FAILED = "lookup-failed"
    # why nothing was done
    POLICY_NEVER = "policy-never"
    OVERRIDE = "override"
    ALREADY_PROTECTED = "already-protected"
    AUTOMATIC = "automatic"
    INTERNAL_RECIPIENT = "internal-recipient"
    UNKNOWN_SENDER = "unknown-sender"
    TRANSIT = "transit"
    NOT_ENABLED = "not-enabled"
    # why an outbound message was refused or left unencrypted
    EXEMPT = "exempt"
    HIDDEN_RECIPIENT = "hidden-recipient"
    MIXED_RECIPIENTS = "mixed-recipients"
    NOT_AUTHORISED = "not-authorised"
    REPLY_TO_ENCRYPTED = "reply-to-encrypted"
    # imports
    DUPLICATE = "duplicate"
    BAD_PASSPHRASE = "bad-passphrase"
    NO_ADDRESS = "no-address"
    WAITING = "waiting"
    AMBIGUOUS = "ambiguous"
