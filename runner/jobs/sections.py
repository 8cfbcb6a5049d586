"""A job with the sections of the backends: what jobs.yaml may hold beyond what a session reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import create_model

from contract.errors import InputError
from job.model import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    Sections = Mapping[str, type[BaseModel] | None]


def job_with(sections: Sections) -> type[Job]:
    """The model of a job that has, under the name of each backend, the section which that backend reads.

    Args:
        sections: their models by the backend's name, None for a backend that reads none.

    Raises:
        InputError: a backend is called as a job's own key is.
    """
    fields: dict[str, Any] = {name: (model, model()) for name, model in sections.items() if model is not None}
    for name in fields:
        if name in Job.model_fields:
            raise InputError(f"backend {name}", f"reads `{name}`, which is a job's own key", "rename the backend")
    return create_model("Job", __base__=Job, **fields)
