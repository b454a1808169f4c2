"""YAML text to plain values: mappings, lists, text, whole numbers, true, false and null, and nothing else.

Read with PyYAML's safe loader under YAML 1.2's core rules: ``off``, ``no`` and ``0660`` are text, not booleans or octal
numbers, so that ``learn: off`` means what it says. A key written twice is a problem. Tags (``!!python/...``) and merge
keys are not understood. Nothing is ever constructed but the types above.
"""

import re
from collections.abc import Callable

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gateway.config.problem import KeyPath, Problem

_TAG = "tag:yaml.org,2002:"
_HALF = re.compile("[\ud800-\udfff]")


class _Loader(yaml.SafeLoader):
    """The safe loader with the core schema's plain scalars only."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML copies it


_PLAIN: dict[str, tuple[re.Pattern[str], list[str], Callable[[str], object]]] = {
    "null": (re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""], lambda text: None),
    "bool": (re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF"), lambda text: text.lower() == "true"),
    "int": (re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z"), list("-0123456789"), int),
}
for _name, (_pattern, _first, _) in _PLAIN.items():
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, _first)


class Document:
    """One configuration text: ``values``, the ``problems`` of its notation, and the line of any key path."""

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self._built: dict[int, object] = {}
        self._root = self._compose(text)
        self.values = self._value(self._root, ()) if self._root is not None else None

    def line(self, path: KeyPath) -> int | None:
        """Return the line of ``path``, or of the nearest thing around it that is written down; None: nothing is."""
        mark, node = None, self._root
        for step in path:
            entry = _child(node, step)
            if entry is None:
                break
            mark, node = entry
        return mark

    def _compose(self, text: str) -> Node | None:
        try:
            return yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            self.problems.append(Problem((), f"not YAML: {error.problem}; see indentation, quotes, brackets", line))
        except yaml.YAMLError:
            self.problems.append(Problem((), "not YAML: control characters; save it as plain UTF-8 text"))
        except RecursionError:
            self.problems.append(Problem((), "not YAML for us: nested too deeply"))
        return None

    def _value(self, node: Node, path: KeyPath) -> object:
        # An anchor's value is built once, however often it is named; inside itself it stands as null.
        if id(node) not in self._built:
            self._built[id(node)] = None
            self._built[id(node)] = self._build(node, path)
        return self._built[id(node)]

    def _build(self, node: Node, path: KeyPath) -> object:
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._unknown(node, path)
        return None

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode) or not key_node.value.isprintable():
                self.problems.append(Problem(path, "a key must be a plain word", line))
            elif key_node.value in found:
                self.problems.append(Problem((*path, key_node.value), "written twice; keep one", line))
            else:
                found[key_node.value] = self._value(value_node, (*path, key_node.value))
        return found

    def _scalar(self, node: ScalarNode, path: KeyPath) -> object:
        if node.tag == _TAG + "str":
            return self._text(node, path)
        pattern, _, convert = _PLAIN.get(node.tag.removeprefix(_TAG), (None, None, None))
        if pattern is None or convert is None or not pattern.match(node.value):
            self._unknown(node, path)
            return None
        return convert(node.value)

    def _text(self, node: ScalarNode, path: KeyPath) -> str | None:
        value: str = node.value
        if _HALF.search(value):
            self.problems.append(Problem(path, "is no text: it holds half a character", node.start_mark.line + 1))
            return None
        return value

    def _unknown(self, node: Node, path: KeyPath) -> None:
        self.problems.append(
            Problem(path, "YAML tags are not understood; write the plain value", node.start_mark.line + 1)
        )


def _child(node: Node | None, step: str | int) -> tuple[int, Node] | None:
    """Return the line and the node of one step below ``node``."""
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line + 1, item
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == step:
                return key.start_mark.line + 1, value
    return None
