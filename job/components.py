"""Classes that a job names, with their arguments: wrappers of environments, and callbacks.

Written as a name, or as a name and its arguments: `FlattenObservation`, `TimeLimit: {max_episode_steps: 100}`,
`my_package.module:Class`. What a short name stands for is a table here; the trainer imports it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

CLASS_REFERENCE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*")
"""`package.module:Name`."""

_GYMNASIUM = "gymnasium.wrappers"
_ATARI = "stable_baselines3.common.atari_wrappers"
_VECTORIZED = "stable_baselines3.common.vec_env"
_CALLBACKS = "stable_baselines3.common.callbacks"
_FORM = "must be the name of a class, or a name and its arguments, as in `TimeLimit: {max_episode_steps: 100}`"

VEC_NORMALIZE, VEC_FRAME_STACK = "VecNormalize", "VecFrameStack"

STOPS_BY_EVALUATION = ("StopTrainingOnRewardThreshold", "StopTrainingOnNoModelImprovement")
"""Those of Stable-Baselines3's callbacks that an evaluation asks, and nobody else."""


@dataclass(frozen=True)
class Component:
    """A class and its arguments; as JSON a mapping of the one to the others."""

    homes: ClassVar[dict[str, str]] = {}
    """The short names, and the module that each is found in."""

    name: str
    kwargs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, value: Any) -> Self:
        """What a job holds.

        Raises:
            ValueError: it is none; a PydanticCustomError where its name is not known.
        """
        if isinstance(value, str):
            name, kwargs = value, None
        elif isinstance(value, dict) and len(value) == 1:
            ((name, kwargs),) = value.items()
        else:
            raise ValueError(_FORM)
        if not isinstance(name, str) or not isinstance(kwargs, dict | None):
            raise ValueError(_FORM)  # noqa: TRY004 - pydantic catches ValueError
        if name not in cls.homes and not CLASS_REFERENCE.fullmatch(name):
            with_colons = (f"{module}:{short}" for short, module in cls.homes.items())
            known = (*cls.homes, *(each for each in with_colons if each.replace(":", ".") == name))
            raise PydanticCustomError("unknown_name", "unknown name", {"known": known, "name": name})
        return cls(name, kwargs or {})

    def as_json(self) -> dict[str, Any]:
        """As a job holds it."""
        return {self.name: self.kwargs}

    @property
    def reference(self) -> str:
        """Where the class is found, as `package.module:Name`."""
        return f"{self.homes[self.name]}:{self.name}" if self.name in self.homes else self.name


@dataclass(frozen=True)
class Wrapper(Component):
    """A wrapper of one environment."""

    homes: ClassVar[dict[str, str]] = {
        **dict.fromkeys(
            (
                *("AtariPreprocessing", "ClipAction", "ClipReward", "DelayObservation", "DiscretizeAction"),
                *("DiscretizeObservation", "FilterObservation", "FlattenObservation", "FrameStackObservation"),
                *("GrayscaleObservation", "MaxAndSkipObservation", "NormalizeObservation", "NormalizeReward"),
                *("RecordEpisodeStatistics", "RescaleAction", "RescaleObservation", "ReshapeObservation"),
                *("ResizeObservation", "StickyAction", "TimeAwareObservation", "TimeLimit"),
            ),
            _GYMNASIUM,
        ),
        **dict.fromkeys(("AtariWrapper",), _ATARI),
    }


@dataclass(frozen=True)
class VecWrapper(Component):
    """A wrapper of all environments together."""

    homes: ClassVar[dict[str, str]] = dict.fromkeys(
        ("VecCheckNan", "VecExtractDictObs", VEC_FRAME_STACK, VEC_NORMALIZE, "VecTransposeImage"), _VECTORIZED
    )


@dataclass(frozen=True)
class Callback(Component):
    """Something that watches the training, and may end it."""

    homes: ClassVar[dict[str, str]] = dict.fromkeys((*STOPS_BY_EVALUATION, "StopTrainingOnMaxEpisodes"), _CALLBACKS)


_LIST = Field(strict=False)
_WRITTEN = PlainSerializer(Component.as_json)
Wrappers = Annotated[tuple[Annotated[Wrapper, BeforeValidator(Wrapper.read), _WRITTEN], ...], _LIST]
VecWrappers = Annotated[tuple[Annotated[VecWrapper, BeforeValidator(VecWrapper.read), _WRITTEN], ...], _LIST]
Callbacks = Annotated[tuple[Annotated[Callback, BeforeValidator(Callback.read), _WRITTEN], ...], _LIST]
