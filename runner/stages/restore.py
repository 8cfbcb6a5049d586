"""The restore stage: what is sound becomes what the next session goes on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from pydantic import ValidationError

from contract.errors import RelayError
from contract.storage import files
from restore import adoption
from restore.validation import Report

if TYPE_CHECKING:
    from pathlib import Path

    from contract.documents.runs import Restored
    from runner.layout import SessionFolder

_REMEDY = "remove it, and run the same command again"


def restore(folder: SessionFolder, *, job_folder: Path, inherited: Restored | None) -> tuple[str, ...]:
    """Write `restored.json`; return what to tell the user.

    Args:
        folder: the session, validated.
        job_folder: the job's, where the paths of what is adopted begin.
        inherited: what was adopted from the session that this one went on from.

    Raises:
        RelayError: the report cannot be read.
    """
    report = _read_report(folder.report_json)
    relative = folder.artifacts.relative_to(job_folder).as_posix()
    restoration = adoption.adopt(report, session=folder.number, artifacts_folder=relative, inherited=inherited)
    files.ensure_json(folder.restored_json, msgspec.to_builtins(restoration.document))
    return restoration.lines


def _read_report(path: Path) -> Report:
    try:
        return Report.model_validate(files.read_json(path))
    except ValidationError as error:
        raise RelayError(str(path), f"is not a report ({error.errors()[0]['msg']})", _REMEDY) from None
    except (OSError, ValueError, RecursionError) as error:
        raise RelayError(str(path), f"cannot be read: {error}", _REMEDY) from None
