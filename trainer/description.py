"""What a job's model would be: enough to tell whether a checkpoint fits it, before anything is spent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from trainer.algorithms.model import make_model, parameter_shapes
from trainer.environments.making import make_training_envs
from trainer.environments.spaces import describe_space

if TYPE_CHECKING:
    from job.model import Job


def describe(job: Job) -> str:
    """JSON with the fields `observation_space`, `action_space` and `parameters` of a checkpoint's record.

    Raises:
        InputError: the environment or the model cannot be made.
    """
    env = make_training_envs(job)
    try:
        model = make_model(job, env)
        return json.dumps(
            {
                "observation_space": describe_space(model.observation_space),
                "action_space": describe_space(model.action_space),
                "parameters": parameter_shapes(model),
            }
        )
    finally:
        env.close()
