"""Keys whose feature is not in this version: each is accepted only at its default. Releases shrink this table."""

from collections.abc import Iterator

from gateway.config.options import Options
from gateway.config.problem import KeyPath, Problem
from gateway.config.section import Section

PLANNED: tuple[tuple[str, ...], ...] = (
    ("partners",),
    ("retention", "personal"),
)
PLANNED_OF_A_GROUP = ("domain_key", "invitation")


def not_in_this_version(options: Options) -> Iterator[Problem]:
    """Yield a problem for every key set to something that does not exist yet."""
    for path in _changed(options):
        yield Problem(path, "not in this version; remove it or leave it at its default")


def _changed(options: Options) -> Iterator[KeyPath]:
    defaults = Options(hostname="localhost")
    for path in PLANNED:
        yield from _differences(_at(options, path), _at(defaults, path), path)
    for index, group in enumerate(options.groups):
        for name in PLANNED_OF_A_GROUP:
            yield from _differences(getattr(group, name), None, ("groups", index, name))


def _at(section: Section, path: tuple[str, ...]) -> object:
    value: object = section
    for name in path:
        value = getattr(value, name)
    return value


def _differences(value: object, default: object, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, Section) and isinstance(default, Section):
        for name in type(value).model_fields:
            yield from _differences(getattr(value, name), getattr(default, name), (*path, name))
    elif value != default:
        yield path
