"""What an environment offers to compare an agent with, measured in the episodes in which the agent is.

An environment offers baselines by a method `baselines()`: for each by its name a function that is called at the
beginning of an episode, and gives another one that is called with each observation and gives the action.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from contract import events
from contract.errors import RelayError
from contract.trying import TRYING
from trainer.environments.failures import as_refusal
from trainer.environments.making import make_evaluation_envs
from trainer.evaluation import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from stable_baselines3.common.base_class import BaseAlgorithm

    from job.model import Job

    Begin = Callable[[], Callable[[NDArray[Any]], Any]]

METHOD = "baselines"
_EVALUATION = "stable_baselines3.common.evaluation"


class _Playing:
    """A baseline as what is evaluated: of each environment it plays the episodes one after the other."""

    def __init__(self, begin: Begin, environments: int) -> None:
        self._begin = begin
        self._acts: list[Callable[[NDArray[Any]], Any]] = [begin() for _ in range(environments)]

    def get_env(self) -> None:
        """It was trained nowhere."""

    def predict(self, observations: NDArray[Any], *, episode_start: NDArray[np.bool_], **_: Any) -> tuple[Any, None]:
        """The actions for a batch of observations."""
        for index in np.flatnonzero(episode_start):
            self._acts[index] = self._begin()
        return np.array([act(each) for act, each in zip(self._acts, observations, strict=True)]), None


def measure_baselines(job: Job) -> dict[str, float]:
    """The mean return of each baseline that the job's environment offers; nothing where it offers none.

    They see what the environment and the job's `wrappers` give; what scales and stacks for a network is left out.

    Raises:
        InputError: the environment cannot be made, or a baseline fails.
    """
    plain = {"wrapper": None, "frame_stack": None, "vec_wrappers": ()}
    events.emit(TRYING, what="its baselines")
    venv = make_evaluation_envs(job.model_copy(update={"env": job.env.model_copy(update=plain)}))
    try:
        if not venv.has_attr(METHOD):
            return {}
        offered: Mapping[str, Begin] = venv.get_attr(METHOD, [0])[0]()
        return {
            str(name): evaluate(
                cast("BaseAlgorithm", _Playing(begin, venv.num_envs)),
                venv,
                _EVALUATION,
                episodes=job.eval.episodes,
                seed=job.seed,
            )
            for name, begin in offered.items()
        }
    except RelayError:
        raise
    except Exception as error:  # anything may come out of a user's environment
        raise as_refusal(job.env.id, "cannot play its baselines", error, "correct its method `baselines`") from error
    finally:
        venv.close()
