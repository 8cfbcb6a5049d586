"""What the hyperparameters of all algorithms that learn from a replay buffer share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from job.algorithms.hyperparameters import (
    Conflict,
    Count,
    CountOrMinusOne,
    CountOrZero,
    Fraction,
    Hyperparameters,
    is_count,
    whole_number,
)
from job.algorithms.policy_kwargs import TrainedPolicyKwargs

if TYPE_CHECKING:
    from collections.abc import Iterator

EPISODE = "episode"
DICTIONARY_POLICY = "MultiInputPolicy"
"""The only policy for observations that are dictionaries, such as those with goals."""


def _train_freq(value: Any) -> Any:
    first, *others = value if isinstance(value, list) and value else [value, "step"]
    count = whole_number(first)
    if not is_count(count) or others not in (["step"], [EPISODE]):
        raise ValueError("must be a whole number of steps above 0, or a list such as [1, episode]")
    return count if others == ["step"] else [count, *others]


TrainFrequency = Annotated[int | list[int | str], BeforeValidator(_train_freq)]
"""Steps of each environment between two updates, or `[n, episode]` for whole episodes."""


class ReplayBufferKwargs(BaseModel):
    """Arguments of `ReplayBuffer`, and of `HerReplayBuffer` where that is the class."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    handle_timeout_termination: bool | None = None
    n_sampled_goal: Count | None = None
    goal_selection_strategy: Literal["future", "final", "episode"] | None = None
    copy_info_dict: bool | None = None

    def of_hindsight(self) -> Iterator[str]:
        """The keys that are set and that only `HerReplayBuffer` has."""
        for key in ("n_sampled_goal", "goal_selection_strategy", "copy_info_dict"):
            if getattr(self, key) is not None:
                yield key


class OffPolicyHyperparameters(Hyperparameters):
    """What the algorithms with a replay buffer share."""

    default_buffer_size: ClassVar[int] = 1_000_000
    default_learning_starts: ClassVar[int] = 100
    default_batch_size: ClassVar[int] = 256
    default_train_freq: ClassVar[int] = 1

    policy_kwargs: TrainedPolicyKwargs | None = None
    gamma: Fraction | None = None
    buffer_size: Count | None = None
    learning_starts: CountOrZero | None = None
    batch_size: Count | None = None
    train_freq: TrainFrequency | None = None
    gradient_steps: CountOrMinusOne | None = None
    n_steps: Count | None = None
    optimize_memory_usage: bool | None = None
    replay_buffer_class: Literal["HerReplayBuffer"] | None = None
    replay_buffer_kwargs: ReplayBufferKwargs | None = None

    def rollout_timesteps(self, n_envs: int) -> int:
        """Timesteps between two updates; where these are episodes, the fewest that there can be."""
        if isinstance(self.train_freq, list):
            return n_envs
        return (self.train_freq or self.default_train_freq) * n_envs

    def counts_episodes(self) -> bool:
        """Whether a rollout is a number of whole episodes."""
        return isinstance(self.train_freq, list)

    def capacity(self) -> int:
        """Timesteps that the replay buffer holds."""
        return self.buffer_size or self.default_buffer_size

    def first_update(self, n_envs: int) -> int:
        """The timesteps after which the first update comes; where rollouts are episodes, it comes no sooner."""
        rollout = self.rollout_timesteps(n_envs)
        starts = self.default_learning_starts if self.learning_starts is None else self.learning_starts
        return (starts // rollout + 1) * rollout

    def conflicts(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """Those of the replay buffer."""
        yield from super().conflicts(n_envs, policy)
        if self.counts_episodes() and n_envs > 1:
            yield ("train_freq",), f"counts episodes with one environment only, and n_envs is {n_envs}: count steps"
        buffer_size = self.capacity()
        batch_size = self.batch_size or self.default_batch_size
        if buffer_size < n_envs:
            yield ("buffer_size",), f"{buffer_size} is less than one step of n_envs = {n_envs}: write at least that"
        elif buffer_size < batch_size:
            message = f"{buffer_size} is less than a minibatch, batch_size being {batch_size}"
            yield ("buffer_size",), f"{message}: write at least that"
        yield from self._conflicts_of_hindsight(policy)
        yield from self._conflicts_of_layout(n_envs, policy)

    def _conflicts_of_hindsight(self, policy: str) -> Iterator[Conflict]:
        if self.replay_buffer_class is None:
            for key in self.replay_buffer_kwargs.of_hindsight() if self.replay_buffer_kwargs else ():
                message = "is a setting of hindsight replay: set replay_buffer_class to HerReplayBuffer"
                yield ("replay_buffer_kwargs", key), message
        elif policy != DICTIONARY_POLICY:
            message = f"needs the goals of dictionary observations, and the policy is {policy}"
            yield ("replay_buffer_class",), f"{message}: set policy to {DICTIONARY_POLICY}"

    def _conflicts_of_layout(self, n_envs: int, policy: str) -> Iterator[Conflict]:
        """What the arrays of the buffer cannot do together."""
        has_goals = self.replay_buffer_class is not None
        if (self.n_steps or 1) > 1:
            if has_goals:
                yield ("n_steps",), "is ignored by HerReplayBuffer: remove it"
            elif policy == DICTIONARY_POLICY:
                yield ("n_steps",), "must be 1 where observations are dictionaries: remove it"
        if not self.optimize_memory_usage:
            return
        path = ("optimize_memory_usage",)
        if has_goals or policy == DICTIONARY_POLICY:
            yield path, "does not work where observations are dictionaries: remove it"
        elif (self.n_steps or 1) > 1:
            yield path, "does not work with n_steps above 1: remove one of the two"
        elif self.replay_buffer_kwargs is None or self.replay_buffer_kwargs.handle_timeout_termination is not False:
            message = "cannot tell time limits from ends"
            yield path, f"{message}: set replay_buffer_kwargs to {{handle_timeout_termination: false}} beside it"
        elif self.capacity() < 2 * n_envs:
            yield path, f"needs two steps of n_envs = {n_envs} in the buffer: raise buffer_size"
