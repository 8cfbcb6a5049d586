"""What a file means: for Python its syntax tree without docstrings, for anything else its bytes."""

from __future__ import annotations

import ast
import functools
import warnings

from contract.storage import files


def digest_meaning(name: str, content: bytes) -> str:
    """The digest of what a file means; what Python cannot parse means its bytes."""
    if not name.endswith(".py"):
        return files.sha256_of_bytes(content)
    try:
        return _digest_syntax(content)
    except Exception:  # noqa: BLE001 - SyntaxError, RecursionError, MemoryError, what a codec raises: a list would lack one
        return files.sha256_of_bytes(content)


@functools.lru_cache(maxsize=4096)
def _digest_syntax(content: bytes) -> str:
    """The digest of what a file's text says; a file that was just written is read again and again until it settles."""
    return files.sha256_of_bytes(_syntax(content).encode())


def _syntax(content: bytes) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python thinks of the user's sources is not ours to say
        tree = ast.parse(content)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_docstring(node)
    return ast.dump(tree)


def _drop_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        del node.body[0]
