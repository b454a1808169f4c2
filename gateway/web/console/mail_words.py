"""What became of mail, as people say it, and which of it asks for attention.

Apart from ``words``, for the same word means another thing there: ``none`` of a certificate is not ``none`` of a
signature.
"""

from collections.abc import Mapping
from typing import Final

from gateway.web.console.words import phrase

STATUS: Final[Mapping[str, str]] = {
    "inbound": phrase("arriving"),
    "outbound": phrase("leaving"),
    "relay": phrase("relayed"),
    "reject": phrase("refused"),
    "defer": phrase("put off"),
    "signed": phrase("signed"),
    "not-signed": phrase("not signed"),
    "encrypted": phrase("encrypted"),
    "not-encrypted": phrase("not encrypted"),
    "pass": phrase("signature valid"),
    "fail": phrase("signature wrong"),
    "policy": phrase("signature not accepted"),
    "neutral": phrase("signature not judged"),
    "temperror": phrase("signature not judged yet"),
    "permerror": phrase("signer not known"),
    "decrypted": phrase("decrypted"),
    "failed": phrase("not decrypted"),
    "partial": phrase("encrypted in part"),
    "none": phrase("not protected"),
    "compressed": phrase("compressed"),
    # results, of a chart
    "protected": phrase("protected"),
    "plain": phrase("not protected"),
    "doubtful": phrase("doubtful"),
    "refused": phrase("refused"),
    "deferred": phrase("put off"),
    # states of held mail
    "waiting": phrase("waits"),
    "ready": phrase("is tried next"),
    "trying": phrase("is being tried"),
    "judged": phrase("can be delivered"),
    "withheld": phrase("may not be sent"),
    "held failed": phrase("given up"),
    # levels, and settings for answers
    "never": phrase("never"),
    "if-possible": phrase("if possible"),
    "required": phrase("required"),
    "require": phrase("has to be encrypted, or is refused"),
    "warn": phrase("is noted where it leaves in clear"),
    "ignore": phrase("nothing special"),
    # held mail that is delivered again
    "manual": phrase("by hand only"),
    "unreadable": phrase("what could not be read"),
    "all": phrase("all of it"),
    # how urgent
    "now": phrase("now"),
    "soon": phrase("soon"),
    "sometime": phrase("sometime"),
    # what must hold for mail to be taken
    "doors": phrase("Doors"),
    "store": phrase("Store"),
    "keys": phrase("Private keys"),
    "certificates": phrase("Certificates"),
    "next_hops": phrase("Next hops"),
    # what a step means
    "holds": phrase("holds"),
    "lacks": phrase("is lacking"),
    "decides": phrase("decides"),
    # forms of a signature
    "clear": phrase("clear"),
    "opaque": phrase("opaque"),
    # whose a message is that is explained
    "sign": phrase("Signing"),
    "encrypt": phrase("Encryption"),
}

_TONES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("signed", "encrypted", "pass", "decrypted", "protected", "holds", "judged"), "good"),
    **dict.fromkeys(("policy", "neutral", "temperror", "permerror", "defer", "deferred", "partial", "soon"), "warn"),
    **dict.fromkeys(("waiting", "lacks", "doubtful"), "warn"),
    **dict.fromkeys(("fail", "failed", "reject", "refused", "withheld", "held failed", "now"), "bad"),
}


def status(value: str) -> str:
    """Return the English for a word; one that another version wrote is shown as it stands."""
    return STATUS.get(value) or value.replace("_", " ").replace("-", " ")


def status_tone(value: str) -> str:
    """Return the class of a badge."""
    return _TONES.get(value, "")
