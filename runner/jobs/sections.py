"""A job with what jobs.yaml may hold beyond what a session reads: sections of backends, who is told, its group."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, create_model
from pydantic_core import PydanticCustomError

from contract.errors import InputError
from job.model import JOB_NAME, Job
from runner.jobs.own_keys import DATA, GROUP, NOTIFY

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


def job_with(sections: Sections) -> type[Job]:
    """The model of a job that has `data`, `notify`, `group`, and the section of each backend under its name.

    Args:
        sections: their models by the backend's name, None for a backend that reads none.

    Raises:
        InputError: a backend is called as a job's own key is.
    """
    fields: dict[str, Any] = {name: (model, model()) for name, model in sections.items() if model is not None}
    for name in fields:
        if name in Job.model_fields or name in (DATA, NOTIFY, GROUP):
            raise InputError(f"backend {name}", f"reads `{name}`, which is a job's own key", "rename the backend")
    fields[DATA] = (dict[str, str], Field(default={}, exclude_if=lambda folders: not folders))
    fields[NOTIFY] = (Address | None, None)
    fields[GROUP] = (GroupName | None, Field(None, exclude_if=lambda name: name is None))
    return create_model("Job", __base__=Job, **fields)
