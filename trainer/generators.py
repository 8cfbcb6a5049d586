"""The generators of this process, and bits that are compared: what makes two futures the same one."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

GeneratorStates = tuple[Any, ...]
"""Of Python, NumPy, torch, and torch's of each GPU, or None where no GPU is in use; checkpoints hold it like this."""


def capture_generators() -> GeneratorStates:
    """Where every generator of this process stands.

    A GPU that is not in use is not taken into use: its generators stand where the job's seed has put
    them, and the seed puts them there in the next session too.
    """
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call] # torch has not typed it
    cuda = torch.cuda.get_rng_state_all() if in_use else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda  # noqa: NPY002 - SB3 draws from it


def put_back_generators(states: GeneratorStates) -> None:
    """Put back what `capture_generators` gave; a machine with more GPUs keeps those of the others as they are."""
    python, numpy, cpu, cuda = states
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002 - SB3 draws from it
    torch.set_rng_state(cpu)
    if cuda and torch.cuda.is_available():
        for number, state in zip(range(torch.cuda.device_count()), cuda, strict=False):
            torch.cuda.set_rng_state(state, number)


@contextlib.contextmanager
def preserved_generators() -> Iterator[None]:
    """Whatever is drawn while this lasts, every generator stands afterwards where it stood before."""
    states = capture_generators()
    try:
        yield
    finally:
        put_back_generators(states)


def as_bits(value: Any) -> Any:
    """`value` in a form that is equal to another's only where both have the same bits, NaN and -0.0 included."""
    if isinstance(value, dict):
        return {name: as_bits(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return tuple(as_bits(each) for each in value)
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, torch.Tensor):
        return as_bits(value.detach().cpu().numpy())
    return type(value).__name__, value.hex() if isinstance(value, float) else value
