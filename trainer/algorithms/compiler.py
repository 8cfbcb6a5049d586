"""Optimizers without torch's compiler, which they import only to be left alone by it: half of a session's start.

`torch.optim` has each `step` tell the compiler where its graph breaks, and keeps it out of other methods. As long as
nobody has loaded it, there is nothing to tell; once somebody has, each method is torch's own again.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

_COMPILER = "torch._dynamo"
_KEPT_OUT = "__dynamo_disable"
"""Where `torch._compile` notes what it calls instead of a method."""
_TELLS_OF_BREAKS = "_use_grad"
"""The name of what `torch.optim` wraps a `step` in."""


def spare_the_compiler() -> None:
    """Let optimizers be made and make their steps without it; what they compute stays the same to the bit."""
    for optimizer in {each for each in vars(torch.optim).values() if isinstance(each, type)}:
        if issubclass(optimizer, torch.optim.Optimizer):
            for name, method in [*vars(optimizer).items()]:
                _spare(optimizer, name, method)


def _spare(optimizer: type[torch.optim.Optimizer], name: str, method: Any) -> None:
    plain, code = getattr(method, "__wrapped__", None), getattr(method, "__code__", None)
    if plain is None or code is None:
        return
    if code.co_name == _TELLS_OF_BREAKS:
        setattr(optimizer, name, _step(method, plain))
    elif code.co_filename == sys.modules["torch._compile"].__file__ and _KEPT_OUT not in vars(plain):
        vars(plain)[_KEPT_OUT] = _until_it_is_loaded(method, plain)


def _step(told: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """A `step` as `torch.optim` has it, but for what it tells the compiler."""

    @functools.wraps(plain)
    def step(self: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> Any:
        if _COMPILER in sys.modules:
            return told(self, *args, **kwargs)
        before = torch.is_grad_enabled()
        try:
            torch.set_grad_enabled(bool(self.defaults["differentiable"]))
            return plain(self, *args, **kwargs)
        finally:
            torch.set_grad_enabled(before)

    return step


def _until_it_is_loaded(kept_out: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    """A method that no compiler is kept out of as long as there is none."""

    def method(*args: Any, **kwargs: Any) -> Any:
        if _COMPILER not in sys.modules:
            return plain(*args, **kwargs)
        vars(plain).pop(_KEPT_OUT, None)
        return kept_out(*args, **kwargs)

    return method
