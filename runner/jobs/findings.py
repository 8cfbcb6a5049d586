"""What is found wrong in jobs.yaml, and the one sentence that is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from contract.errors import InputError
from job.problems import MISSING
from runner.jobs.yaml_positions import KeyPath, place

if TYPE_CHECKING:
    from collections.abc import Sequence


class Finding(NamedTuple):
    """A problem and where it stands."""

    line: int
    path: KeyPath
    problem: str
    remedy: str | None = None


def as_error(file: str, findings: Sequence[Finding]) -> InputError:
    """The first of what was found, and how much more there is."""
    (line, path, problem, remedy), *more = sorted(dict.fromkeys(findings), key=_order)
    ending = f" (and {len(more)} more)" if more else ""
    said = (problem, remedy + ending) if remedy else (problem + ending, None)
    return InputError(place(file, line, path), *said)


def in_some(finding: Finding, jobs: list[str], of: int) -> Finding:
    """A finding in jobs of an entry, of which one is named where it is in some of them only."""
    where = f" in its job {jobs[0]}" if 0 < len(jobs) < of else ""
    return finding._replace(problem=finding.problem + where)


def _order(finding: Finding) -> tuple[bool, int]:
    """As the findings stand in the file, and what is missing last: it may be there, and misspelt."""
    return finding.problem.startswith(MISSING), finding.line
