"""Stories: judgement that says what it wants to know, and goes on when it is told.

A story is a generator that yields wants, is sent answers, and returns its result. It does no I/O: who runs it asks, a
thread (``tell``), an event loop (``advance``, step by step) or a test with a list of answers. So a store that is slow
holds up the one story that asked it, and no other.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Want(Generic[T]):
    """Something that a story has to know; ``T`` is what it is told."""

    __slots__ = ()


Wanted = Want[Any]
Story = Generator[Wanted, Any, T]
Answer = Callable[[Wanted], Any]
"""Answers any want. Raises ``Fault``."""


class NotAtHand(Exception):
    """An answer would take asking somebody who may be slow."""


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """What a story came to."""

    value: T


def ask(want: Want[T]) -> Story[T]:
    """Ask, inside a story: ``answer = yield from ask(want)``."""
    answer: T = yield want
    return answer


def tell(story: Story[T], answer: Answer) -> T:
    """Bring a story to its end, where one may wait. Raises what the story does."""
    step = advance(story, None, answer)
    assert isinstance(step, Ended)
    return step.value


def advance(story: Story[T], told: Any, at_hand: Answer, failed: Exception | None = None) -> Wanted | Ended[T]:
    """Send a story what it was ``told`` (None: it begins), and go on as long as answers are at hand.

    ``failed``: why it is told nothing; what keeps somebody from answering is raised where the story asks. Returns its
    end, or the want for which ``at_hand`` raised ``NotAtHand``.
    """
    while True:
        try:
            want = story.send(told) if failed is None else story.throw(failed)
        except StopIteration as end:
            return Ended(end.value)
        try:
            told, failed = at_hand(want), None
        except NotAtHand:
            return want
        except Exception as error:  # noqa: BLE001 - it is the story's, which was the one to ask
            failed = error


def resume(story: Story[T], want: Wanted, at_hand: Answer) -> Wanted | Ended[T]:
    """Go on with a story that waits for an answer, if that is at hand after all; else return the want."""
    try:
        told = at_hand(want)
    except NotAtHand:
        return want
    except Exception as error:  # noqa: BLE001 - likewise
        return advance(story, None, at_hand, error)
    return advance(story, told, at_hand)
