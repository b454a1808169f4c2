"""Sentences for people: English, and made so that another language can say the same."""

from collections.abc import Callable
from typing import Any, Self


class Sentence(str):
    """A sentence in English. ``template``: what it is made of, with the ``values`` that stand between its braces.

    Without values it is one yet to be filled. A value that is an enum's is a word that is translated, too.
    """

    template: str
    values: dict[str, object]

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: Callable[[Any], Any]) -> Any:
        """Have schemas say that it is a text."""
        return handler(str)

    def __new__(cls, template: str, **values: object) -> Self:
        """Make the sentence; in a template without values braces mean nothing."""
        made = super().__new__(cls, template.format(**values) if values else template)
        made.template, made.values = template, values
        return made

    def filled(self, **values: object) -> Self:
        """Return the sentence with these values."""
        return type(self)(self.template, **values)
