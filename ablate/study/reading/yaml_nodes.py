"""YAML 1.2 text to plain data that remembers its lines. The one place that knows ruamel.yaml.

Text is read as a node graph and turned into data here, not by ruamel's constructors: every key keeps its line, a
duplicate key can name both lines, and what aliases unfold to is counted before it exists.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from ablate.errors import StudyError
from ablate.schema import KeyPath

Place = Callable[[int], str]

MAX_NODES = 10_000
MAX_DEPTH = 20
MAX_INTEGER = 2**63 - 1

TAG = "tag:yaml.org,2002:"
TEXT_TAGS = {TAG + name for name in ("str", "timestamp", "merge", "value")}  # YAML 1.2 knows no dates, `<<` or `=`
VALUE_TAGS = {
    TAG + "bool": "true or false",
    TAG + "int": "a whole number",
    TAG + "float": "a number",
    TAG + "null": "null",
}


def parse_yaml(text: str, place: Place) -> tuple[Any, dict[KeyPath, int]]:
    """The data in `text`, and the line (from 1) on which each of its key paths stands.

    Keys are text as written, so a level may be called `1` or `on`. Raises `StudyError`, whose message starts with
    `place(line)`, for bad syntax, duplicate keys, unknown tags, and data nested or aliased beyond all reason.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    builder = _Builder(yaml, place)
    data = builder.data(_compose(yaml, text, place), ())
    return data, builder.lines


def _compose(yaml: YAML, text: str, place: Place) -> Node | None:
    directive = re.search(r"^%", text, re.MULTILINE)
    if directive:
        raise StudyError(f"{place(_line_at(text, directive.start()))}: a % directive; study files are plain YAML 1.2")
    yaml.composer.warn_double_anchors = False
    try:
        root: Node | None = yaml.compose(text)
    except ReaderError as error:
        line = _line_at(text, error.position)
        raise StudyError(f"{place(line)}: not YAML: character {error.character:#04x} is not allowed") from None
    except MaxDepthExceededError as error:
        raise StudyError(f"{place(error.problem_mark.line + 1)}: nested deeper than {MAX_DEPTH} levels") from None
    except MarkedYAMLError as error:
        raise StudyError(_syntax_message(error, text, place)) from None
    except (YAMLError, ValueError) as error:
        raise StudyError(f"{place(1)}: not YAML: {_one_line(str(error))}") from None
    return root


def _syntax_message(error: MarkedYAMLError, text: str, place: Place) -> str:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1
    lines = text.split("\n")
    written = lines[min(line, len(lines)) - 1]
    if re.match(r" *\t", written):
        return f"{place(line)}: a tab in the indentation; YAML is indented with spaces"
    return f"{place(line)}: not YAML: {_one_line(', '.join(filter(None, [error.context, error.problem])))}"


def _one_line(message: str) -> str:
    return message.strip().split("\n")[0]


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


@dataclass
class _Builder:
    """Turns nodes into data and notes lines; an alias is unfolded each time it is met."""

    yaml: YAML
    place: Place
    lines: dict[KeyPath, int] = field(default_factory=dict)
    nodes: int = 0

    def data(self, node: Node | None, path: KeyPath) -> Any:
        if node is None:
            return None
        self._count(node, path)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if str(node.tag) == TAG + "map" and isinstance(node, MappingNode):
            return self._mapping(node, path)
        if str(node.tag) == TAG + "seq" and isinstance(node, SequenceNode):
            return self._sequence(node, path)
        raise self._error(node, f"tag {str(node.tag)!r} is not allowed in a study file")

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self._error(key_node, "a key must be text, not a list or a mapping")
            key = str(key_node.value)
            if key in data:
                raise self._error(
                    key_node, f"duplicate key {key!r}; it stands on line {self.lines[*path, key]} already"
                )
            self.lines[*path, key] = _line_of(key_node)
            data[key] = self.data(value_node, (*path, key))
        return data

    def _sequence(self, node: SequenceNode, path: KeyPath) -> list[Any]:
        for index, item in enumerate(node.value):
            self.lines[*path, index] = _line_of(item)
        return [self.data(item, (*path, index)) for index, item in enumerate(node.value)]

    def _scalar(self, node: ScalarNode) -> Any:
        tag = str(node.tag)
        if tag in TEXT_TAGS:
            return str(node.value)
        if tag not in VALUE_TAGS:
            raise self._error(node, f"tag {tag!r} is not allowed in a study file")
        try:
            value = self.yaml.constructor.construct_object(node)
        except (ValueError, KeyError, IndexError):
            raise self._error(node, f"{str(node.value)[:40]!r} is not {VALUE_TAGS[tag]}") from None
        if isinstance(value, int) and abs(value) > MAX_INTEGER:
            raise self._error(node, f"the whole number {str(node.value)[:20]}... is too large")
        return value

    def _count(self, node: Node, path: KeyPath) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self._error(node, f"more than {MAX_NODES} values once aliases are unfolded")
        if len(path) > MAX_DEPTH:
            raise self._error(node, f"nested deeper than {MAX_DEPTH} levels")

    def _error(self, node: Node, sentence: str) -> StudyError:
        return StudyError(f"{self.place(_line_of(node))}: {sentence}")


def _line_of(node: Node) -> int:
    return int(node.start_mark.line) + 1
