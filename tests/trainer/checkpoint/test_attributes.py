"""The observations that a rollout begins with are the same ones, down to how they lie in memory."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from trainer.checkpoint.parts import attributes


def images(seed: int, colours: int = 4, count: int = 2) -> np.ndarray[Any, Any]:
    """Some of 84 x 84 pixels, transposed as Stable-Baselines3 does it: colours first, and together in memory."""
    drawn = np.random.default_rng(seed).integers(256, size=(count, 84, 84, colours), dtype=np.uint8)
    return np.transpose(drawn, (0, 3, 1, 2))


@pytest.mark.parametrize(("in_parts", "colours", "count"), [(False, 4, 2), (True, 4, 2), (False, 1, 2), (False, 3, 1)])
def test_transposed_images_lie_in_memory_as_they_did(*, in_parts: bool, colours: int, count: int) -> None:
    then: Any = {"image": images(1, colours, count)} if in_parts else images(1, colours, count)
    fresh: Any = {"image": images(2, colours, count)} if in_parts else images(2, colours, count)
    taken = attributes.capture(cast("Any", SimpleNamespace(_last_obs=then)), ("_last_obs",))
    model: Any = SimpleNamespace(_last_obs=fresh, device="cpu")
    attributes.put_back(model, pickle.loads(pickle.dumps(taken, protocol=5)), keeps_episodes=True)  # noqa: S301
    before, after = (each["image"] if in_parts else each for each in (then, vars(model)["_last_obs"]))
    assert (before == after).all()
    assert before.strides == after.strides
    assert not np.shares_memory(before, after)


@pytest.mark.parametrize("fresh", [np.zeros((0, 3)), np.zeros((2, 3))[:, ::-1], np.broadcast_to(np.zeros(3), (2, 3))])
def test_what_has_no_memory_of_its_own_is_given_some(fresh: np.ndarray[Any, Any]) -> None:
    value = np.arange(fresh.size, dtype=np.float64).reshape(fresh.shape)
    model: Any = SimpleNamespace(_last_obs=fresh, device="cpu")
    attributes.put_back(model, {"_last_obs": value}, keeps_episodes=True)
    assert (vars(model)["_last_obs"] == value).all()
