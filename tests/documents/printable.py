"""What the code can print, by its sources: the fixed words of each text, and in which order they stand."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tests.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = ("contract", "docker", "emulator", "executors", "job", "restore", "runner", "trainer")
ANYTHING = "\0"
BEGINNING = 12
"""By so many characters a text is known of which a line has the beginning only."""
WORD = re.compile(r"[^\W\d_]{3,}")


class Template(NamedTuple):
    """A text of the code.

    Args:
        longest: of its fixed parts, by which most lines are told not to have it.
        pattern: which lines have it; a group for each fixed part. Compiled once it is needed, as few of them are.
    """

    longest: str
    pattern: str


def strange_words(line: str) -> list[str]:
    """The words of a line that stand in no text of the code which the line has as a whole; a line may break off."""
    line = line.casefold()
    free = [True] * len(line)
    kept = re.sub(r"\s*(?:…|\.\.\.).*$", "", line)
    for template in templates():
        if template.longest in line:
            pattern = compiled(template.pattern)
            for found in pattern.finditer(line):
                for group in range(1, pattern.groups + 1):
                    begin, end = found.span(group)
                    free[begin:end] = [False] * (end - begin)
        elif kept != line and (begin := kept.find(template.longest[:BEGINNING])) >= 0:
            rest = kept[begin:]
            if len(rest) > BEGINNING and template.longest.startswith(rest):
                free[begin : len(kept)] = [False] * len(rest)
    # An ending, as of a plural, may be put in.
    return [word[0] for word in WORD.finditer(line) if 2 * sum(free[word.start() : word.end()]) >= len(word[0])]


@cache
def templates() -> tuple[Template, ...]:
    """Those of all sources."""
    return tuple({text: each for text in _texts() if (each := _template(text)) is not None}.values())


def _template(text: str) -> Template | None:
    fixed = [part.strip() for part in re.split(f"{ANYTHING}+", text.casefold()) if part.strip()]
    if not WORD.search(" ".join(fixed)):
        return None
    pattern = ".*?".join(f"({re.escape(part)})" for part in fixed)
    return Template(max(fixed, key=len), pattern)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern of a template, to look with."""
    return re.compile(pattern)


def _texts() -> Iterator[str]:
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "template" not in path.parts:
                yield from _texts_of_module(ast.parse(path.read_text(encoding="utf-8")))


def _texts_of_module(module: ast.Module) -> Iterator[str]:
    nodes = [*ast.walk(module)]
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings are for readers
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else ANYTHING for each in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield from re.sub(r"\{\w*\}", ANYTHING, node.value).splitlines()
