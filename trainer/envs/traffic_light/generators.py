"""Random generators as plain data and back."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np


def generator_state(generator: np.random.Generator | None) -> dict[str, Any] | None:
    """The state of `generator`'s bit generator, None where there is no generator yet."""
    return None if generator is None else copy.deepcopy(dict(generator.bit_generator.state))


def generator_from(state: dict[str, Any] | None) -> np.random.Generator | None:
    """A new generator that goes on from `state`; gymnasium's are all PCG64."""
    if state is None:
        return None
    bit_generator = np.random.PCG64()
    bit_generator.state = copy.deepcopy(state)  # type: ignore[assignment]
    return np.random.Generator(bit_generator)
