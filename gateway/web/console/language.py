"""The languages of the console: English in the templates, others by a catalogue beside it (gettext, ``web/locale``).

A message's id is its English text. Catalogues are read when the process starts, so no compiled file has to be kept.
"""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

LANGUAGES = {"en": "English", "de": "Deutsch"}
"""What is spoken, each by its own name; the first is the templates'."""
COOKIE = "language"


@cache
def catalogue(language: str) -> NullTranslations:
    """Return what translates into one of ``LANGUAGES``."""
    source = files("gateway.web") / "locale" / f"{language}.po"
    if not source.is_file():
        return NullTranslations()
    compiled = BytesIO()
    with source.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def chosen(cookie: str | None, accepted: str) -> str:
    """Return the language to speak: the one chosen here, else the first one accepted that is spoken, else English.

    ``accepted``: the field Accept-Language (RFC 9110 section 12.5.4).
    """
    if cookie in LANGUAGES:
        return cookie
    return next((language for language in _preferred(accepted) if language in LANGUAGES), next(iter(LANGUAGES)))


def _preferred(accepted: str) -> Iterator[str]:
    """Yield primary language subtags, the most wanted first; what does not parse is left out."""
    ranges = [entry.partition(";") for entry in accepted[:1000].split(",")]
    weighed = [(_weight(parameter), tag.strip().partition("-")[0].lower()) for tag, _, parameter in ranges]
    return (tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0)


def _weight(parameter: str) -> float:
    try:
        return float(parameter.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0
