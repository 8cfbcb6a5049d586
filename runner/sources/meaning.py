"""What a file means: for Python its syntax tree without docstrings, for anything else its bytes."""

from __future__ import annotations

import ast
import warnings

from contract.storage import files


def digest_meaning(name: str, content: bytes) -> str:
    """The digest of what a file means; what Python cannot parse means its bytes."""
    if not name.endswith(".py"):
        return files.sha256_of_bytes(content)
    try:
        return files.sha256_of_bytes(_syntax(content).encode())
    except Exception:  # noqa: BLE001 - SyntaxError, RecursionError, MemoryError, what a codec raises: a list would lack one
        return files.sha256_of_bytes(content)


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
