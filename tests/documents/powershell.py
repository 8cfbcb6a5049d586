"""Reads PowerShell by its grammar, since there is none here that could run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tree_sitter_powershell
from tree_sitter import Language, Parser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_PARSER = Parser(Language(tree_sitter_powershell.language()))


def errors(program: str) -> list[str]:
    """What of a program is no PowerShell, with its line."""
    return [f"line {node.start_point[0] + 1}: {_text(node)!r}" for node in _nodes(program) if node.is_error]


def commands(program: str) -> list[str]:
    """The commands of a program, wherever they stand in it, in their order."""
    return [_text(node).strip() for node in _nodes(program) if node.type == "command"]


def settings(program: str) -> dict[str, str]:
    """The environment that a program sets, by name."""
    found = {}
    for node in _nodes(program):
        if node.type == "assignment_expression" and _text(node).startswith("$env:"):
            name, _, value = _text(node).partition("=")
            found[name.strip().removeprefix("$env:")] = value.strip().strip("\"'")
    return found


def _nodes(program: str) -> Iterator[Node]:
    """All nodes, each before what is inside it."""
    waiting = [_PARSER.parse(program.encode()).root_node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def _text(node: Node) -> str:
    return (node.text or b"").decode()
