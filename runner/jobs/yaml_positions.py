"""YAML read strictly: plain data, and the line of every key.

PyYAML's resolver is that of YAML 1.1, in which `3e-4` is text, `010` is eight, `1:30` is ninety and
`2024-01-01` is a date. Here numbers are those of YAML 1.2 and may have underscores; `yes`, `no`, `on`
and `off` are true and false as values, and text as keys.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yaml.nodes import Node

KeyPath = tuple[str | int, ...]

MAX_DEPTH = 32
"""PyYAML composes by recursion in C, where depth ends in a segmentation fault and not in an exception."""
MAX_EXPANDED = 4 << 20
"""Roughly the bytes of all values once aliases are expanded: a few lines can stand for billions of values."""
_BYTES_PER_VALUE = 40

_TAG = "tag:yaml.org,2002:"
_LONGEST_KEY = 40
_PLAIN_KEY = re.compile(r"[\w-]+")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")

_REMEDIES = (
    ("mapping values are not allowed", "put text that holds a colon in quotes, and align the keys of a block"),
    ("did not find expected key", "align the keys of a block"),
    ("another document", "remove the line ---"),
    ("undefined alias", "define it above with &name"),
    ("cannot start any token", "put the text in quotes"),
)


class Document(NamedTuple):
    """What a YAML file says.

    Args:
        values: plain data: dicts with text as keys, lists, text, finite numbers, booleans, None.
        lines: the line (from 1) of each key and list item, by the keys that lead to it.
    """

    values: Any
    lines: dict[KeyPath, int]


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's loader, libyaml's where there is one, with the resolver described above."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's attribute; here it starts empty


for _kind, _pattern, _first in (
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", "(?:true|false|yes|no|on|off)|(?:True|False|Yes|No|On|Off)|(?:TRUE|FALSE|YES|NO|ON|OFF)", "tTfFyYnNoO"),
    ("int", "[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    ("float", "[-+]?(?:[0-9][0-9_]*[.][0-9_]*|[.][0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
    ("float", "[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?[.](?:inf|Inf|INF)|[.](?:nan|NaN|NAN)", "-+0123456789."),
    ("merge", "<<", "<"),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"(?:{_pattern})$"), list(_first))


def dotted(path: KeyPath) -> str:
    """`path` as `jobs.name.env`, with what is no plain word in quotes and what is long cut."""
    return ".".join(_shown_key(key) for key in path)


def place(file: str, line: int, path: KeyPath) -> str:
    """The subject of an error: file, line and, below the top, the key."""
    return f"{file}, line {line}, {dotted(path)}" if path else f"{file}, line {line}"


def read_yaml(content: bytes, file: str) -> Document:
    """What `content`, the bytes of the file that errors call `file`, says.

    Raises:
        InputError: it is not YAML in UTF-8, not plain data, or far too large once aliases are expanded.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"not UTF-8 (byte 0x{content[error.start]:02x})"
        raise InputError(f"{file}, line {line}", problem, "save the file as UTF-8") from None
    if unprintable := _UNPRINTABLE.search(text):
        line = len(_LINE_BREAK.split(text[: unprintable.start()]))
        problem = f"the control character U+{ord(unprintable[0]):04X} cannot stand in YAML"
        raise InputError(f"{file}, line {line}", problem, "remove it")
    try:
        _refuse_depth(text, file)
        node = _Loader(text).get_single_node()
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, file) from None
    expansion = _Expansion(file)
    values = None if node is None else expansion.value(node, (), 0)
    return Document(values, expansion.lines)


def _shown_key(key: str | int) -> str:
    text = str(key)
    shown = text if len(text) <= _LONGEST_KEY else f"{text[: _LONGEST_KEY - 1]}…"
    return shown if _PLAIN_KEY.fullmatch(text) else repr(shown)


def _refuse_depth(text: str, file: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise InputError(f"{file}, line {line}", f"nested more than {MAX_DEPTH} deep")


def _syntax_error(error: yaml.YAMLError, text: str, file: str) -> InputError:
    """PyYAML's error in one sentence."""
    mark = getattr(error, "problem_mark", None)
    if not isinstance(error, yaml.MarkedYAMLError) or mark is None:
        return InputError(file, f"not valid YAML: {' '.join(str(error).split())}")
    subject = f"{file}, line {mark.line + 1}, column {mark.column + 1}"
    line = [*_LINE_BREAK.split(text), ""][mark.line]
    if "\t" in line[: len(line) - len(line.lstrip())] or line[mark.column : mark.column + 1] == "\t":
        return InputError(subject, "a tab where YAML wants spaces", "indent with spaces")
    problem = " ".join(filter(None, (error.problem, error.context)))
    if error.context_mark is not None and error.context_mark.line != mark.line:
        problem += f" that begins in line {error.context_mark.line + 1}"
    remedy = next((remedy for words, remedy in _REMEDIES if words in problem), None)
    return InputError(subject, f"not valid YAML: {problem}", remedy)


def _text(text: str) -> str:
    # Pure-Python PyYAML lets the escape \ud800 pass, which no file can hold.
    return text.encode().decode()


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "yes", "on"):
        return True
    if text.lower() in ("false", "no", "off"):
        return False
    raise ValueError


def _whole_number(text: str) -> int:
    number = int(text, 0 if text[:2] in ("0x", "0o") else 10)
    str(number)  # which raises where it has more digits than Python writes: then nothing could be said of it
    return number


def _finite_number(text: str) -> float:
    number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError
    return number


_NO_JSON = "cannot be stored as JSON"
_KINDS = {"int": "is not a whole number", "float": "is not a number", "bool": "is neither true nor false"}
"""What is said of a text that a tag such as `!!int` states to be something else."""


def _is_number(kind: str, text: str) -> bool:
    """Whether a text is a number of that kind, though none that JSON can hold."""
    if kind == "int":
        return re.fullmatch(r"[-+]?[0-9_]+|0x[0-9a-fA-F]+|0o[0-7]+", text) is not None
    number = r"[-+]?[0-9_.]+(?:[eE][-+]?[0-9]+)?|[-+]?[.](?:inf|nan)"
    return kind == "float" and re.fullmatch(number, text, re.IGNORECASE) is not None


_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": _text,
    "merge": _text,
    "null": lambda _: None,
    "bool": _boolean,
    "int": _whole_number,
    "float": _finite_number,
}


class _Expansion:
    """Plain data from PyYAML's nodes: aliases become copies, merge keys (`<<`) are followed."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[KeyPath, int] = {}
        self._expanded = 0

    def value(self, node: Node, path: KeyPath, depth: int) -> Any:
        self._charge(node, path, depth)
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            values = {}
            for key, (line, value_node) in self._pairs(node, path, depth).items():
                self.lines[*path, key] = line
                values[key] = self.value(value_node, (*path, key), depth + 1)
            return values
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        raise self._unknown_tag(node, path)

    def _pairs(self, node: MappingNode, path: KeyPath, depth: int) -> dict[str, tuple[int, Node]]:
        """The line and value of each key; a key that stands here goes before one that is merged in."""
        merged: dict[str, tuple[int, Node]] = {}
        own: dict[str, tuple[int, Node]] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == f"{_TAG}merge":
                for source in self._merged(value_node, path):
                    self._charge(source, path, depth)
                    merged = {**self._pairs(source, path, depth + 1), **merged}
                continue
            key = self._key(key_node, path)
            if key in own:
                problem = f"the key stands in line {own[key][0]} and again in line {line}"
                raise InputError(place(self.file, line, (*path, key)), problem, "keep one of them")
            own[key] = (line, value_node)
        return {**merged, **own}

    def _merged(self, node: Node, path: KeyPath) -> Iterator[MappingNode]:
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(source, MappingNode):
                subject = place(self.file, source.start_mark.line + 1, (*path, "<<"))
                raise InputError(subject, "merges something that is not a mapping", "name a mapping, as in `<<: *name`")
            yield source

    def _key(self, node: Node, path: KeyPath) -> str:
        # `on: 1` is a key called "on": only as a value does it stand for true.
        if isinstance(node, ScalarNode) and node.tag in (f"{_TAG}str", f"{_TAG}bool"):
            return str(node.value)
        subject = place(self.file, node.start_mark.line + 1, path)
        if isinstance(node, ScalarNode):
            found = _shown_key(node.value)
            raise InputError(
                subject, f"the key {found} is not text", f'put it in quotes: "{node.value[:_LONGEST_KEY]}"'
            )
        raise InputError(subject, "a list or mapping cannot be a key", "write text before the colon")

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        kind = node.tag.removeprefix(_TAG)
        read = _SCALARS.get(kind)
        if read is None:
            raise self._unknown_tag(node, path)
        text = str(node.value)
        try:
            return read(text)
        except ValueError:
            problem = f"{_shown_key(text)} {_NO_JSON if _is_number(kind, text) else _KINDS.get(kind, _NO_JSON)}"
            subject = place(self.file, self.lines[path], path)
            raise InputError(subject, problem, "write another one, or put it in quotes") from None

    def _unknown_tag(self, node: Node, path: KeyPath) -> InputError:
        tag = node.tag.replace(_TAG, "!!", 1)[:_LONGEST_KEY]
        return InputError(place(self.file, node.start_mark.line + 1, path), f"the tag {tag} is refused", "remove it")

    def _charge(self, node: Node, path: KeyPath, depth: int) -> None:
        self._expanded += _BYTES_PER_VALUE + (len(node.value) if isinstance(node, ScalarNode) else 0)
        if depth <= MAX_DEPTH and self._expanded <= MAX_EXPANDED:
            return
        subject = place(self.file, node.start_mark.line + 1, path[:3])
        if depth > MAX_DEPTH:
            raise InputError(
                subject, "an alias that holds itself, or deeper nesting than can be read", "remove the alias"
            )
        raise InputError(subject, "the aliases stand for too many values", "use fewer of them")
