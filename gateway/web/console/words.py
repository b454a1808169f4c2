"""Words of closed sets as people say them, by the word that programs see; and which of them ask for attention.

English here is the catalogue's message id. A word that is not listed is shown as it stands: another version's record
may have one.
"""

from collections.abc import Mapping
from typing import Final


def phrase(text: str) -> str:
    """Mark an English text for the catalogue; it is translated where it is shown."""
    return text


WORDS: Final[Mapping[str, str]] = {
    # states of a certificate
    "current": phrase("current"),
    "pending": phrase("pending"),
    "expired": phrase("expired"),
    "not-yet-valid": phrase("not valid yet"),
    "superseded": phrase("superseded"),
    "revoked": phrase("revoked"),
    "distrusted": phrase("distrusted"),
    "waiting": phrase("waiting"),
    # what was said of one
    "none": phrase("nothing said"),
    "anchor": phrase("trust anchor"),
    "trusted": phrase("trusted"),
    "learned": phrase("learned from mail"),
    "found": phrase("found"),
    "approved": phrase("approved"),
    "quarantined": phrase("in quarantine"),
    # where one comes from, whose it is, what it is for
    "imported": phrase("imported"),
    "directory": phrase("directory"),
    "dns": phrase("DNS"),
    "leaf": phrase("person"),
    "ca": phrase("authority"),
    "sign": phrase("sign"),
    "encrypt": phrase("encrypt"),
    # what a file holds, and what became of it
    "certificate": phrase("certificate"),
    "key": phrase("private key"),
    "crl": phrase("revocation list"),
    "added": phrase("added"),
    "known": phrase("known"),
    "refused": phrase("refused"),
    # roles
    "viewer": phrase("viewer"),
    "operator": phrase("operator"),
    "admin": phrase("administrator"),
    # reasons
    "no-certificate": phrase("no certificate"),
    "no-key": phrase("no private key"),
    "no-path": phrase("no path to an authority"),
    "untrusted": phrase("not trusted"),
    "revocation-unknown": phrase("revocation unknown"),
    "wrong-usage": phrase("wrong usage"),
    "weak-key": phrase("weak key"),
    "weak-algorithm": phrase("weak algorithm"),
    "unsupported-algorithm": phrase("unsupported algorithm"),
    "address-mismatch": phrase("another address"),
    "from-ambiguous": phrase("ambiguous sender"),
    "altered": phrase("altered"),
    "bad-signature": phrase("wrong signature"),
    "no-signer": phrase("no signer"),
    "partial": phrase("signed in part only"),
    "malformed": phrase("unreadable"),
    "limit": phrase("over a limit"),
    "internal": phrase("internal error"),
    "rate": phrase("too often"),
    "decrypt-failed": phrase("could not be decrypted"),
    "not-addressed": phrase("not for this recipient"),
    "key-reused": phrase("content key used twice"),
    "required-inbound": phrase("required of this partner"),
    "lookup-failed": phrase("look-up failed"),
    "policy-never": phrase("never, by policy"),
    "override": phrase("asked for by the sender"),
    "already-protected": phrase("protected already"),
    "automatic": phrase("automatic mail"),
    "internal-recipient": phrase("internal recipient"),
    "unknown-sender": phrase("unknown sender"),
    "transit": phrase("in transit"),
    "not-enabled": phrase("not enabled"),
    "exempt": phrase("exempt"),
    "hidden-recipient": phrase("hidden recipient"),
    "mixed-recipients": phrase("recipients that differ"),
    "not-authorised": phrase("not authorised"),
    "reply-to-encrypted": phrase("answer to encrypted mail"),
    "duplicate": phrase("known already"),
    "bad-passphrase": phrase("wrong passphrase"),
    "no-address": phrase("no address"),
    "ambiguous": phrase("ambiguous"),
    # what roles and scopes are for
    "may viewer": phrase("sees everything, changes nothing"),
    "may operator": phrase("also imports, approves, and has held mail tried again"),
    "may admin": phrase("everything, trust anchors and accounts included"),
    "scope read": phrase("lists, records, certificates"),
    "scope check": phrase("asks whether mail can be signed and encrypted"),
    "scope import": phrase("imports and approves certificates"),
    "scope admin": phrase("everything"),
    # the audit log: who, what, of what
    "system user": phrase("user of the machine"),
    "account": phrase("account"),
    "token": phrase("token"),
    "system": phrase("the gateway itself"),
    "session": phrase("session"),
    "held message": phrase("held message"),
    "message": phrase("message"),
    "configuration": phrase("configuration"),
    "import": phrase("import"),
    "trust": phrase("trust"),
    "distrust": phrase("distrust"),
    "untrust": phrase("take trust back"),
    "approve": phrase("approve"),
    "pin": phrase("pin"),
    "pinned": phrase("pinned"),
    "delete-certificates": phrase("delete certificates"),
    "export-key": phrase("export private key"),
    "delete-keys": phrase("delete private keys"),
    "delete-crls": phrase("delete revocation lists"),
    "retry-held": phrase("try held mail again"),
    "delete-held": phrase("delete held mail"),
    "open": phrase("open a message"),
    "add-account": phrase("make account"),
    "set-role": phrase("change role"),
    "set-password": phrase("set password"),
    "turn-totp-on": phrase("turn one-time codes on"),
    "turn-totp-off": phrase("turn one-time codes off"),
    "disable-account": phrase("disable account"),
    "enable-account": phrase("enable account"),
    "delete-account": phrase("delete account"),
    "end-session": phrase("end session"),
    "create-token": phrase("make token"),
    "delete-token": phrase("delete token"),
    "reload": phrase("new configuration"),
    "start": phrase("start of the gateway"),
    "back-up": phrase("back the store up"),
    "restore": phrase("restore the store"),
    "copy-store": phrase("copy the store"),
    "rotate-kek": phrase("new key-encryption key"),
    "erase-person": phrase("erase a person"),
    "person": phrase("person"),
    "store": phrase("store"),
    "deleted": phrase("deleted"),
    "exported": phrase("exported"),
    "opened": phrase("opened"),
    "ready": phrase("to be tried again"),
    "changed": phrase("changed"),
    "created": phrase("made"),
    "ended": phrase("ended"),
    "disabled": phrase("disabled"),
    # evidence of revocation
    "good": phrase("not revoked"),
    "unknown": phrase("unknown"),
    "ocsp": phrase("OCSP"),
}

DONE: Final[Mapping[str, str]] = {
    "approved": phrase("Approved."),
    "pinned": phrase("Pinned: no other comes in its place."),
    "trusted": phrase("Trusted."),
    "untrusted": phrase("Taken back."),
    "distrusted": phrase("Distrusted: it is used for nothing."),
    "deleted": phrase("Deleted."),
    "tried-again": phrase("It is tried again as soon as the service can."),
    "account-added": phrase("The account is made."),
    "account-deleted": phrase("The account is deleted."),
    "changed": phrase("Changed."),
    "password": phrase("The password is set."),
    "codes-on": phrase("One-time codes are asked for from now on."),
    "codes-off": phrase("No one-time codes are asked for any more."),
    "session-ended": phrase("The session is ended."),
    "token-deleted": phrase("The token is deleted."),
}
"""What was done, by the word that the next page's address carries."""

TONES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("current", "anchor", "trusted", "added", "good"), "good"),
    **dict.fromkeys(("pending", "not-yet-valid", "waiting", "quarantined", "expired", "ambiguous"), "warn"),
    **dict.fromkeys(("revoked", "distrusted", "refused", "disabled"), "bad"),
}
"""``good``, ``warn`` or ``bad``, as the style sheet has colours for; everything else is neither."""


def word(value: str) -> str:
    """Return the English for a word; an underscore or a hyphen is a blank where nothing better is known."""
    return WORDS.get(value) or value.replace("_", " ").replace("-", " ")


def tone(value: str) -> str:
    """Return the class of a badge."""
    return TONES.get(value, "")
