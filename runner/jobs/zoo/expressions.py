"""`dict(net_arch=[64, 64], activation_fn=nn.Tanh)`: Python that the zoo's files hold as text, read and never run."""

from __future__ import annotations

import ast
from typing import Any

from job.algorithms.policy_kwargs import ACTIVATIONS, FEATURES_EXTRACTORS, OPTIMIZERS

_LONGEST = 4_096
_SHORT_NAMES = frozenset({*ACTIVATIONS, *OPTIMIZERS, *FEATURES_EXTRACTORS, "HerReplayBuffer"})
_ELSEWHERE = {"RMSpropTFLike": "stable_baselines3.common.sb2_compat.rmsprop_tf_like:RMSpropTFLike"}
_FROM_TORCH = frozenset({"nn", "th", "torch", "optim"})


def parse_value(text: str) -> Any:
    """What an expression stands for as plain data: calls of `dict`, literals, and names of classes as jobs write them.

    Raises:
        ValueError: it is anything else, in half a sentence.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST:,} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("it is not a Python expression") from None
    try:
        return _value(tree.body)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords) if all(each.arg for each in keywords):
            return {str(each.arg): _value(each.value) for each in keywords}
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {str(_literal(key)): _value(value) for key, value in zip(keys, values, strict=True) if key}
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_value(each) for each in elements]
        case ast.Name() | ast.Attribute():
            return _class_name(ast.unparse(node))
    return _literal(node)


def _literal(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        raise ValueError(f"`{ast.unparse(node)[:60]}` in it is not a plain value") from None
    if not isinstance(value, bool | int | float | str | None):
        raise ValueError(f"`{ast.unparse(node)[:60]}` in it is not a plain value")  # noqa: TRY004 - one error for all
    return value


def _class_name(dotted: str) -> str:
    parents, _, name = dotted.rpartition(".")
    if name in _SHORT_NAMES:
        return name
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if not parents or parents.partition(".")[0] in _FROM_TORCH:
        raise ValueError(f"`{dotted[:60]}` in it is not a class that a job can name")
    return f"{parents}:{name}"
