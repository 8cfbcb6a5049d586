"""Optimizers make the same steps without torch's compiler, and with it once somebody has loaded it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.trainer.forks import Order

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainer.forks import ForkingProcess

TRAINED_WITHOUT_AND_WITH_IT = """
import hashlib, sys
import torch
from stable_baselines3 import A2C, DQN, PPO
from trainer.algorithms.compiler import spare_the_compiler

MODELS = ((PPO, {"n_steps": 32, "batch_size": 32}), (A2C, {}), (DQN, {"learning_starts": 20}))

def digests():
    for algorithm, options in MODELS:
        model = algorithm("MlpPolicy", "CartPole-v1", seed=1, **options).learn(96)
        tensors = model.policy.state_dict().values()
        yield hashlib.sha256(b"".join(each.detach().numpy().tobytes() for each in tensors)).hexdigest()

spare_the_compiler()
spare_the_compiler()
without = [*digests()]
assert torch.is_grad_enabled()
assert "torch._dynamo" not in sys.modules
import torch._dynamo
breaks = []
torch._dynamo.graph_break = lambda: breaks.append(1)
assert [*digests()] == without
assert len(breaks) >= 2
"""


def test_a_training_that_does_without_it_comes_to_the_same_weights(forking: ForkingProcess, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    order = Order("", "", str(log), f"{TRAINED_WITHOUT_AND_WITH_IT}\nraise SystemExit")
    process = forking.start(order)
    while (code := forking.wait(process)) is None:
        time.sleep(0.01)
    assert code == 0, log.read_text(encoding="utf-8")
