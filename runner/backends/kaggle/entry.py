"""What the registry knows of the kaggle backend: how it is opened, and what a job may say of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from executors.docker.limits import KAGGLE_MEMORY
from runner.backends.base import BackendEntry
from runner.backends.kaggle.section import NO_ACCELERATOR, Kaggle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from contextlib import AbstractContextManager
    from pathlib import Path

    from contract.documents.runs import Package
    from runner.backends.base import Backend, Check, Held, Known, Settled
    from runner.backends.kaggle.api.connection import Connection
    from runner.packages.places import Place
    from runner.scheduling.slots import Slot

GPU_SESSIONS = 2
CPU_SESSIONS = 5
"""Of an account at once; Kaggle says of itself that it is busy where they are fewer."""


def _open(root: Path) -> Backend:
    from runner.backends.kaggle.backend import KaggleBackend  # noqa: PLC0415 - it imports Kaggle's SDK

    return KaggleBackend(root)


def _memory(_job: Mapping[str, Any]) -> int:
    return KAGGLE_MEMORY


def _places(job: Mapping[str, Any]) -> Sequence[Place]:
    from runner.backends.kaggle.place import places  # noqa: PLC0415 - only jobs with packages ask

    return places(job)


def _settle(job: Mapping[str, Any], known: Known) -> Settled:
    from runner.backends.kaggle.gpu.accelerator import settle  # noqa: PLC0415 - it reads the job's model

    return settle(job, known)


def _connected() -> AbstractContextManager[Connection]:
    from runner.backends.kaggle.api.connection import Connection  # noqa: PLC0415 - it imports Kaggle's SDK
    from runner.backends.kaggle.api.credentials import find_credentials  # noqa: PLC0415 - likewise
    from runner.backends.kaggle.api.settings import settings_from  # noqa: PLC0415 - likewise

    return contextlib.closing(Connection(find_credentials(), settings_from()))


def _calibrate(root: Path) -> None:
    from runner.backends.kaggle.calibration.steps import calibrate  # noqa: PLC0415 - only needed here

    with _connected() as connection:
        calibrate(connection, root)


def _tidy(root: Path, jobs: Sequence[Mapping[str, Any]], agrees: Callable[[], bool]) -> None:
    from runner.backends.kaggle.tidying import tidy  # noqa: PLC0415 - only needed here

    with _connected() as connection:
        tidy(connection, root, jobs, agrees)


def _held(root: Path, job: Mapping[str, Any], known: AbstractSet[str]) -> Sequence[Held]:
    from runner.backends.kaggle.recovery import held  # noqa: PLC0415 - only needed here

    with _connected() as connection:
        return held(connection, root, job, known)


def _needs(_root: Path, job: Mapping[str, Any]) -> Iterator[Check]:
    if not (datasets := job["kaggle"].get("datasets", ())):
        return
    from runner.backends.kaggle.health import datasets_there  # noqa: PLC0415 - only needed here

    with _connected() as connection:
        yield from datasets_there(connection, datasets)


def _slot(job: Mapping[str, Any], known: Known) -> Slot:
    from runner.backends.kaggle.gpu.accelerator import choose  # noqa: PLC0415 - it reads the job's model
    from runner.scheduling.slots import Slot  # noqa: PLC0415 - only who begins sessions asks

    has_gpu = choose(job, known.parameters, known.earlier).accelerator != NO_ACCELERATOR
    return Slot("kaggle", "gpu", GPU_SESSIONS, has_gpu=True) if has_gpu else Slot("kaggle", "cpu", CPU_SESSIONS)


def _machine(package: Package) -> tuple[str, bool]:
    from runner.backends.kaggle.gpu.accelerator import asked_accelerator  # noqa: PLC0415 - it reads the job's model

    accelerator = asked_accelerator(package)
    return ("CPU", False) if accelerator == NO_ACCELERATOR else (accelerator, True)


ENTRY = BackendEntry(
    _open,
    Kaggle,
    memory=_memory,
    calibrate=_calibrate,
    tidy=_tidy,
    held=_held,
    has_data=True,
    is_elsewhere=True,
    places=_places,
    settle=_settle,
    slot=_slot,
    machine=_machine,
    log_is_streamed=True,
    needs=_needs,
)
