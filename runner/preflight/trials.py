"""The trials that were made, remembered by what they depend on."""

from __future__ import annotations

import contextlib
import functools
import platform
from typing import TYPE_CHECKING, Any

import msgspec

from contract.documents.trial import Tried
from contract.storage import files
from runner.backends.registry import installed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runner.sources import Sources

MOST_REMEMBERED = 2_000
MOST_FOR_A_LOOK = 10
"""Trials that one command makes which only looks at jobs: each takes seconds, and a wide search has thousands."""
_ANY_NUMBER = "any number"


class Trials:
    """What trials have found, in this command and in earlier ones.

    Args:
        cache: where it is remembered.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._made = 0
        self._wheels: dict[Path, str] = {}

    @functools.cached_property
    def _known(self) -> dict[str, Tried]:
        return self._read()

    def _read(self) -> dict[str, Tried]:
        try:
            return msgspec.json.decode(self._cache.read_bytes(), type=dict[str, Tried])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}

    @property
    def may_go_on(self) -> bool:
        """Whether a command that only looks at jobs may make another one."""
        return self._made < MOST_FOR_A_LOOK

    def found(self, job: dict[str, Any], sources: Sources, wheels: Sequence[Path], *, alike: bool) -> Tried | None:
        """What is known of a job, if anything is.

        Args:
            job: with its profile applied, as JSON.
            sources: that a session of it would carry.
            wheels: of its packages, for this machine.
            alike: whether a job will do that differs in nothing that a trial could find.
        """
        if alike and (known := self._known.get(self._digest(_alike(job), sources, wheels))) is not None:
            return known
        return self._known.get(self._digest(job, sources, wheels))

    def remember(self, job: dict[str, Any], sources: Sources, wheels: Sequence[Path], found: Tried) -> None:
        """Keep what a trial has found; what was refused is not, since its cause may be anywhere."""
        self._made += 1
        digests = [self._digest(each, sources, wheels) for each in (_alike(job), job)]
        self._known |= self._read() | dict.fromkeys(digests, found)
        latest = dict([*self._known.items()][-MOST_REMEMBERED:])
        with contextlib.suppress(OSError):  # a project that may only be read is tried anew each time
            files.write_bytes(self._cache, msgspec.json.encode(latest))

    def _digest(self, job: dict[str, Any], sources: Sources, wheels: Sequence[Path]) -> str:
        """A digest of all that a trial depends on."""
        parts = {name: job[name] for name in ("env", "algorithm", "policy", "hyperparameters")}
        evaluation = job["eval"]["episodes"] if job["eval"]["frequency"] else 0
        beside = [self._sha256(each) for each in wheels]
        return files.sha256_of_value([parts, evaluation, sources.identity().content, *self._here, *beside])

    @functools.cached_property
    def _here(self) -> tuple[str, str]:
        return installed(), platform.python_version()

    def _sha256(self, wheel: Path) -> str:
        if wheel not in self._wheels:
            self._wheels[wheel] = files.sha256_of_file(wheel)
        return self._wheels[wheel]


def _alike(job: dict[str, Any]) -> dict[str, Any]:
    """The job with any numbers for its rates, discounts and weights, by which no trial ends otherwise.

    A trial makes the model and learns nothing. What decides a shape or an amount of memory is a whole number or stands
    in a section, and the model of the job has judged the range of each.
    """
    hyperparameters = {
        name: _ANY_NUMBER if isinstance(value, float) else value for name, value in job["hyperparameters"].items()
    }
    return job | {"hyperparameters": hyperparameters}
