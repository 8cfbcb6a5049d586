"""The callbacks that a job names: asked at each step, or after each evaluation, and gone on with over sessions.

One that returns False ends the job as met: at the end of the rollout, which is learned from, so that the training can
be gone on with exactly by whoever takes that callback out. Each gives its state by `get_state()` and
`set_state(state)`, or else is pickled attribute by attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stable_baselines3.common.callbacks import (
    BaseCallback,
    StopTrainingOnNoModelImprovement,
    StopTrainingOnRewardThreshold,
)

from contract.errors import InputError
from trainer.environments.state.layers import SnapshotError, pickle_layer, unpickle_layer
from trainer.named_classes import make_component

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stable_baselines3.common.base_class import BaseAlgorithm

    from job.components import Callback
    from job.model import Job

_SET_BY_THE_TRAINING = frozenset({"model", "parent", "locals", "globals", "n_calls", "num_timesteps"})


class TrainingStopped(BaseException):
    """Raised at a rollout boundary to end a training that a callback has ended; nothing on the way may stop it."""


CallbackState = tuple[dict[str, Any], int, bytes | None]
"""What a checkpoint keeps of a callback, in plain types: how the job names it, how often it was asked, what it
remembers (pickled; None where it gives nothing)."""


class LatestEvaluation:
    """What a callback that goes by evaluations finds as its parent, where Stable-Baselines3 has an EvalCallback.

    Args:
        best_mean_reward: the best one so far.
        last_mean_reward: of the latest one.
    """

    def __init__(self) -> None:
        self.best_mean_reward = self.last_mean_reward = -float("inf")


def _nobody(name: str) -> None:
    """Be told of a callback that ends the training, where there is none."""
    del name


class OwnCallbacks(BaseCallback):
    """All callbacks of a job as one.

    Args:
        job: whose.
        stop: told the name of one that returns False.

    Raises:
        InputError: one of them cannot be made, or is none.
    """

    def __init__(self, job: Job, stop: Callable[[str], None] = _nobody) -> None:
        super().__init__()
        self._stop = stop
        self._evaluation = LatestEvaluation()
        self._all = [(each, _made(f"callbacks.{index}", each)) for index, each in enumerate(job.callbacks)]
        self._asked_by_evaluation = [each for each in self._all if isinstance(each[1], _BY_EVALUATION)]
        self._asked_by_step = [each for each in self._all if not isinstance(each[1], _BY_EVALUATION)]
        for named, callback in self._asked_by_evaluation:
            if not job.eval.frequency:
                problem = f"{named.name} goes by the job's evaluations, and there are none"
                raise InputError(f"job {job.name}", problem, "set eval.frequency")
            vars(callback)["parent"] = self._evaluation

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._all)

    def _init_callback(self) -> None:
        for _, callback in self._all:
            callback.init_callback(self.model)

    def _on_training_start(self) -> None:
        for _, callback in self._all:
            callback.on_training_start(self.locals, self.globals)

    def _on_rollout_start(self) -> None:
        for _, callback in self._asked_by_step:
            callback.on_rollout_start()

    def _on_step(self) -> bool:
        self._ask(self._asked_by_step)
        return True

    def _on_rollout_end(self) -> None:
        for _, callback in self._asked_by_step:
            callback.on_rollout_end()

    def _on_training_end(self) -> None:
        for _, callback in self._all:
            callback.on_training_end()

    def update_child_locals(self, locals_: dict[str, Any]) -> None:
        """Hand on what the training loop knows."""
        for _, callback in self._asked_by_step:
            callback.update_locals(locals_)

    def on_evaluation(self, mean_reward: float, best_mean_reward: float | None, *, improved: bool) -> None:
        """Ask those that go by evaluations, as Stable-Baselines3's EvalCallback does."""
        self._evaluation.last_mean_reward = mean_reward
        self._evaluation.best_mean_reward = -float("inf") if best_mean_reward is None else best_mean_reward
        by_best = [each for each in self._asked_by_evaluation if isinstance(each[1], StopTrainingOnRewardThreshold)]
        by_each = [each for each in self._asked_by_evaluation if each not in by_best]
        self._ask([*(by_best if improved else ()), *by_each])

    def _ask(self, asked: Sequence[tuple[Callback, BaseCallback]]) -> None:
        for named, callback in asked:
            if not callback.on_step():
                self._stop(named.name)

    def capture(self) -> tuple[list[CallbackState], tuple[str, ...]]:
        """What each remembers, and why some do not tell."""
        states: list[CallbackState] = []
        reasons: list[str] = []
        for named, callback in self._all:
            state = None
            try:
                state = pickle_layer(callback, _SET_BY_THE_TRAINING, self._around(callback))
            except SnapshotError as error:
                reasons += (f"callback {each}" for each in error.reasons)
            states.append((named.as_json(), callback.n_calls, state))
        return states, tuple(reasons)

    def put_back(self, states: Sequence[CallbackState]) -> tuple[str, ...]:
        """Put back what `capture` gave, to each callback that the job still has; why some do not take it."""
        left, reasons = list(states), []
        for named, callback in self._all:
            found = next((each for each in left if each[0] == named.as_json()), None)
            if found is None:
                continue
            left.remove(found)
            _, callback.n_calls, state = found
            if state is None:
                continue
            try:
                unpickle_layer(callback, state, self._around(callback))
            except SnapshotError as error:
                reasons += [f"callback {each}" for each in error.reasons]
        return tuple(reasons)

    def _around(self, callback: BaseCallback) -> list[Any]:
        """What a callback may refer to, which is there in each session."""
        model: BaseAlgorithm = self.model
        return [callback, self, self._evaluation, model, model.policy, model.get_env(), model.logger]


_BY_EVALUATION = (StopTrainingOnRewardThreshold, StopTrainingOnNoModelImprovement)


def _made(subject: str, named: Callback) -> BaseCallback:
    callback = make_component(subject, named)
    if not isinstance(callback, BaseCallback):
        remedy = "derive it from stable_baselines3.common.callbacks.BaseCallback"
        raise InputError(subject, f"{named.name} does not give a callback of Stable-Baselines3", remedy)
    return callback
