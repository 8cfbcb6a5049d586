"""The observations that a rollout begins with are the same ones, down to how they lie in memory."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from trainer.checkpoint.parts import attributes


def images(seed: int) -> np.ndarray[Any, Any]:
    """Two of 84 x 84 pixels, transposed as Stable-Baselines3 does it: colours first, and together in memory."""
    drawn = np.random.default_rng(seed).integers(256, size=(2, 84, 84, 4), dtype=np.uint8)
    return np.transpose(drawn, (0, 3, 1, 2))


@pytest.mark.parametrize("in_parts", [False, True])
def test_transposed_images_lie_in_memory_as_they_did(*, in_parts: bool) -> None:
    then: Any = {"image": images(1)} if in_parts else images(1)
    fresh: Any = {"image": images(2)} if in_parts else images(2)
    taken = attributes.capture(cast("Any", SimpleNamespace(_last_obs=then)), ("_last_obs",))
    model: Any = SimpleNamespace(_last_obs=fresh, device="cpu")
    attributes.put_back(model, pickle.loads(pickle.dumps(taken, protocol=5)), keeps_episodes=True)  # noqa: S301
    before, after = (each["image"] if in_parts else each for each in (then, vars(model)["_last_obs"]))
    assert (before == after).all()
    assert before.strides == after.strides
    assert not np.shares_memory(before, after)
