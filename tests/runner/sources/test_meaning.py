"""What a file means: comments, docstrings and formatting mean nothing, and nothing that is written can crash it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from contract.storage import files
from runner.sources import digest_meaning
from tests.runner.sources.conftest import PROGRAM


def meaning(text: str) -> str:
    """The meaning of a Python file."""
    return digest_meaning("pkg/module.py", text.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import math\n", "# A comment.\nimport math  # Another.\n"),
        ('"""What it does."""', '"""What it really does."""'),
        ('"""What it does."""', ""),
        ('"""A signal."""', '"""Another signal."""'),
        ('"""Its phase."""', "'''Its\n        phase.'''"),
        ('"""Wait."""', ""),
        ("math.floor(time) % 2", "(math.floor( time )\n            %2)"),
        ("\n\n\n", "\n"),
        ('"a string that is no docstring"', "'a string that is no docstring'"),
    ],
)
def test_comments_docstrings_and_formatting_mean_nothing(before: str, after: str) -> None:
    edited = PROGRAM.replace(before, after)
    assert edited != PROGRAM
    assert meaning(edited) == meaning(PROGRAM)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("% 2", "% 3"),
        ("math.floor", "math.ceil"),
        ("def phase", "def colour"),
        ("self, time", "self, time=0"),
        ('"a string that is no docstring"', '"another string"'),
        ("async def", "def"),
        ("import math", "import math, sys"),
        ('"""A signal."""\n', '"""A signal."""\n\n    """A second string, which is no docstring."""\n'),
    ],
)
def test_a_real_edit_means_something_else(before: str, after: str) -> None:
    edited = PROGRAM.replace(before, after)
    assert edited != PROGRAM
    assert meaning(edited) != meaning(PROGRAM)


DEEP = 100_000
"""Beyond what Python's own stack takes by far, so that a parser that recursed unchecked would crash."""


@pytest.mark.parametrize(
    "text",
    [
        *("def broken(:\n", "x = 'never closed\n", "x = 1\0\n", "if x:\n\ty\n        z\n"),
        *("(" * DEEP + ")" * DEEP, "-" * DEEP + "1", "a" + ".b" * DEEP, "f" + "()" * DEEP, "1" + "+1" * DEEP),
        *("1" + "**1" * DEEP, "lambda:" * DEEP + "1", "if a: pass\n" + "elif a: pass\n" * DEEP, "f'{" * DEEP),
        "x = 1" + "+1" * 1500,  # parsed, but too deep to be written down
        f"x = 0x{'f' * 5000}",  # parsed, but with more digits than Python writes down
        *(f"# coding: {name}\nx = 1\n" for name in ("klingon", "hex", "rot13", "undefined", "punycode")),
        "# coding: ascii\nx = '\xe9'\n",
    ],
    ids=lambda text: text[:20],
)
def test_what_python_cannot_parse_means_its_bytes(text: str) -> None:
    assert meaning(text) == files.sha256_of_bytes(text.encode())
    assert meaning(f"{text}# comment") != meaning(text)


def test_a_deep_file_crashes_no_thread_either() -> None:
    """Jobs that run side by side are packaged in threads."""
    text = "lambda:" * DEEP + "1"
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(meaning, text).result() == files.sha256_of_bytes(text.encode())


def test_a_file_that_is_no_python_means_its_bytes() -> None:
    assert digest_meaning("pkg/data.json", b"{} ") != digest_meaning("pkg/data.json", b"{}")
    assert digest_meaning("pkg/data.json", b"{}") == files.sha256_of_bytes(b"{}")


def test_a_doubtful_escape_in_a_users_source_warns_nobody() -> None:
    assert meaning("pattern = '\\d'  # comment\n") == meaning("pattern = '\\d'\n")
