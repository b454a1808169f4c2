"""The console speaks German as well as English: every text has its translation, and none is kept that nobody says."""

import re

import pytest

from gateway.admin.actor import ActorKind
from gateway.admin.certificate_view import CertificateKind, Origin, TrustWord, Use
from gateway.admin.changes import Kind, Verb
from gateway.admin.imports import Result
from gateway.admin.permission import Permission, Role
from gateway.policy.state import State
from gateway.reason import Reason
from gateway.web.console.language import LANGUAGES, catalogue, chosen
from gateway.web.console.words import DONE, TONES, WORDS
from tests.web.console.catalogue import catalogue as german
from tests.web.console.catalogue import said

SETS = (State, TrustWord, Origin, CertificateKind, Use, Result, Role, Reason, ActorKind, Verb, Kind)

ELSEWHERE = {
    # in the audit log: results, what is done, and to what
    "added", "approved", "changed", "created", "deleted", "ended", "exported", "found", "opened", "pinned", "ready",
    "approve", "pin", "erase-person", "person",
    # origins, sources and answers about revocation
    "directory", "dns", "good", "ocsp", "unknown",
    # of an account
    "disabled",
}  # fmt: skip
"""Words of no set."""


def test_every_text_is_translated_and_no_other() -> None:
    texts = {message if isinstance(message, str) else message[0]: message for message in said()}
    assert len(texts) > 200
    kept = {message.id if isinstance(message.id, str) else message.id[0]: message for message in german() if message.id}
    assert sorted(texts.keys() - kept.keys()) == [], "python -m tests.web.console.catalogue adds them"
    assert sorted(kept.keys() - texts.keys()) == [], "python -m tests.web.console.catalogue takes them out"
    for text, message in kept.items():
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(forms), f"{text}: not translated"
        assert not message.fuzzy
        wanted = set(re.findall(r"%\(\w+\)\w", "".join(texts[text])))
        assert all(set(re.findall(r"%\(\w+\)\w", form)) <= wanted for form in forms), text
        assert wanted <= set(re.findall(r"%\(\w+\)\w", "".join(forms))), text
        assert all(set(re.findall(r"{\w+}", form)) == set(re.findall(r"{\w+}", text)) for form in forms), text


@pytest.mark.parametrize("words", SETS, ids=lambda words: words.__name__)
def test_every_word_of_a_closed_set_is_said_as_people_say_it(words: type) -> None:
    assert {str(word) for word in words} - WORDS.keys() == set()


def test_no_word_is_kept_for_nothing() -> None:
    more = ELSEWHERE | {f"may {role}" for role in Role} | {f"scope {scope}" for scope in Permission}
    assert WORDS.keys() - {str(word) for words in SETS for word in words} - more == set()
    assert TONES.keys() <= WORDS.keys()
    assert all(DONE.values())


def test_catalogues_are_read() -> None:
    assert catalogue("de").gettext("Certificates") == "Zertifikate"
    assert catalogue("en").gettext("Certificates") == "Certificates"
    assert catalogue("de").ngettext("%(num)d day left", "%(num)d days left", 2) == "noch %(num)d Tage"


@pytest.mark.parametrize(
    ("cookie", "accepted", "spoken"),
    [
        (None, "", "en"),
        (None, "de", "de"),
        (None, "de-AT,en;q=0.5", "de"),
        (None, "fr, en;q=0.4, de;q=0.9", "de"),
        (None, "de;q=0, en;q=0.1", "en"),
        (None, "fr", "en"),
        ("de", "en", "de"),
        ("en", "de", "en"),
        ("../de", "de", "de"),
        (None, "de;q=x;;,\x00,*", "en"),
        (None, "de;q=nan,en", "en"),
        (None, "de;q=1e999", "de"),
    ],
)
def test_the_language_chosen_here_comes_before_what_the_browser_accepts(
    cookie: str | None, accepted: str, spoken: str
) -> None:
    assert chosen(cookie, accepted) == spoken
    assert spoken in LANGUAGES
