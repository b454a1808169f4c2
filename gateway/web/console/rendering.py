"""Templates to pages: one environment a language, everything escaped, nothing undefined passed over."""

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, partial
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.admin.sentence import Sentence
from gateway.clock import rfc3339
from gateway.reason import Reason
from gateway.web.console.language import LANGUAGES, catalogue
from gateway.web.console.mail_words import status, status_tone
from gateway.web.console.words import tone, word

_COMMON_NAME = re.compile(r"(?:^|[,+])CN=((?:[^,+\\]++|\\.)++)")
_ESCAPED = re.compile(r"\\([^0-9A-Fa-f])")


@cache
def environment(language: str) -> Environment:
    """Return the templates in one of ``LANGUAGES``."""
    made = Environment(
        loader=PackageLoader("gateway.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"static": static, "word": word, "tone": tone, "spoken": LANGUAGES, "language": language}
    made.globals |= {"status": status, "status_tone": status_tone, "say": partial(said, language)}
    made.filters |= {"rfc3339": rfc3339, "minute": minute, "day": day, "short": short, "moment": moment}
    return made


def said(language: str, sentence: Sentence) -> str:
    """Return a sentence of a view in a language, with the words in it that have one."""
    if not sentence.values:
        return catalogue(language).gettext(sentence.template)

    def told(value: object) -> object:
        return catalogue(language).gettext(_word(value)) if isinstance(value, StrEnum) else value

    values = {name: told(value) for name, value in sentence.values.items()}
    return catalogue(language).gettext(sentence.template).format(**values)


def _word(value: StrEnum) -> str:
    return word(value) if isinstance(value, Reason) else status(value)


def moment(text: str | None) -> datetime | None:
    """Return a time of a record (RFC 3339); None: there is none."""
    return None if not text else datetime.fromisoformat(text)


def minute(at: datetime) -> str:
    """Return a time as a page has it before the script turns it to the reader's zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def day(at: datetime) -> str:
    """Return the day of a time."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def short(name: str) -> str:
    """Return the common name in a distinguished name (RFC 4514), or all of it where there is none."""
    found = _COMMON_NAME.search(name)
    return _ESCAPED.sub(r"\1", found[1]) if found else name


@cache
def static(name: str) -> str:
    """Return the path of a static file, another one for another content: it may be kept for ever."""
    digest = hashlib.sha256((files("gateway.web") / "static" / name).read_bytes()).hexdigest()
    return f"/static/{name}?{digest[:12]}"
