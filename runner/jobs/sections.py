"""A job with what jobs.yaml may hold beyond what a session reads: sections of backends, who is told, its group."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, create_model
from pydantic_core import PydanticCustomError

from contract.errors import InputError
from job.algorithms.hyperparameters import Count, Whole, whole_number
from job.model import JOB_NAME, Job, Section
from runner.jobs.own_keys import DATA, GROUP, KEEP, NOTIFY, PRIORITY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    Sections = Mapping[str, type[BaseModel] | None]


_ADDRESS = re.compile(r"https?://[^\s/]\S*|\$\{?[A-Za-z_][A-Za-z0-9_]*\}?")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):  # what is there instead is not shown: it may be a secret all the same
        raise PydanticCustomError("conflict", "must be an address (https://...), or $NAME of a variable that holds it")
    return value


Address = Annotated[str, AfterValidator(_address)]


def _group(value: str) -> str:
    if not JOB_NAME.fullmatch(value):
        raise ValueError("must begin with a letter and have a-z, 0-9, _ and - only, 63 characters at most")
    return value


GroupName = Annotated[str, AfterValidator(_group)]
Priority = Annotated[Whole, Field(ge=-1_000_000, le=1_000_000)]


class Keep(Section):
    """Which checkpoints of a lineage `doit gc` leaves, beside those that are in use.

    Args:
        latest: how many of the newest.
        every: of all checkpoints, counted from the lineage's first, each whose number this divides; 0 for none.
        best: how many of those with the highest mean reward, and how many best models.
    """

    latest: Count = 5
    every: Annotated[int, BeforeValidator(whole_number), Field(ge=0)] = 0
    best: Count = 1


def job_with(sections: Sections) -> type[Job]:
    """The model of a job that has keys for commands, and each section of a backend under its name.

    Args:
        sections: their models by the backend's name, None for a backend that reads none.

    Raises:
        InputError: a backend is called as a job's own key is.
    """
    return _job_with(tuple(sections.items()))


@functools.cache
def _job_with(sections: tuple[tuple[str, type[BaseModel] | None], ...]) -> type[Job]:
    """As above, once for the same sections: jobs.yaml is read more than once by a command."""
    fields: dict[str, Any] = {name: (model, model()) for name, model in sections if model is not None}
    for name in fields:
        if name in Job.model_fields or name in (DATA, GROUP, KEEP, NOTIFY, PRIORITY):
            raise InputError(f"backend {name}", f"reads `{name}`, which is a job's own key", "rename the backend")
    fields[DATA] = (dict[str, str], Field(default={}, exclude_if=lambda folders: not folders))
    fields[KEEP] = (Keep, Keep())
    fields[NOTIFY] = (Address | None, None)
    fields[GROUP] = (GroupName | None, Field(None, exclude_if=lambda name: name is None))
    fields[PRIORITY] = (Priority, Field(0, exclude_if=lambda priority: priority == 0))
    return create_model("Job", __base__=Job, **fields)
