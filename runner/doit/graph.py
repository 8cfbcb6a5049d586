"""One look at the disk: what is planned for the jobs that a command is about, and the tasks that follow from it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from doit.tools import config_changed

from contract.errors import InputError, RelayError
from contract.storage import files
from runner.doit.failures import exiting_on_error, in_one_sentence
from runner.doit.selection import EVERYTHING, STAGES, Selection
from runner.planning.decide import REFUSALS, Attach, Nothing
from runner.planning.outcome import announce
from runner.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from contract.documents.runs import Rules
    from runner.backends.opened import OpenBackends
    from runner.workspace import LiveSession, Plan

Task = dict[str, Any]
"""A task as doit takes it."""
Tasks = Iterator[Task]


@dataclass(frozen=True)
class Files:
    """What a stage of a session goes by.

    Args:
        needs: the files that it reads; it runs again when their content changes.
        makes: the files that it writes, the last one last.
        rules: what else decides its result.
    """

    needs: Sequence[Path]
    makes: Sequence[Path]
    rules: Rules | None = None


class Graph:
    """The tasks for what a command line asks. A plan is made when it is first asked for, and then stays.

    Args:
        workspace: the project as it is now.
        chosen: what is asked for.
        jobs: the jobs that it is drawn for, if not all that `chosen` is about.
        said: the reasons that were said already, each for a session.
        plans: the plans that were made already, and why a job has none.
    """

    def __init__(
        self,
        workspace: Workspace,
        chosen: Selection = EVERYTHING,
        jobs: Sequence[str] | None = None,
        said: set[tuple[str, str]] | None = None,
        plans: dict[str, Plan | RelayError] | None = None,
    ) -> None:
        if not isinstance(workspace, Workspace):  # a dodo.py of an earlier version gives its folder
            refuse_old_files()
        self.workspace = workspace
        self.chosen = chosen
        self.jobs = list(chosen.jobs(*_known(workspace, chosen)) if jobs is None else jobs)
        self._said = set() if said is None else said
        self._plans = {} if plans is None else plans

    def anew(self, backends: OpenBackends | None = None) -> Graph:
        """The same after another look at the disk, with the same backends open unless others are given."""
        return Graph(self.workspace.reopened(backends), self.chosen, self.jobs, self._said)

    def only(self, jobs: Sequence[str]) -> Graph:
        """The part of it that is about these jobs."""
        return Graph(self.workspace, self.chosen, jobs, self._said, self._plans)

    def plan(self, job: str) -> Plan:
        """What is planned for `job` under the profile that was asked for.

        Raises:
            RelayError: nothing can be.
        """
        if isinstance(planned := self._planned(job), RelayError):
            raise planned
        return planned

    @property
    def plans(self) -> list[Plan]:
        """The plan of each job that has one."""
        return [plan for job in self.jobs if not isinstance(plan := self._planned(job), RelayError)]

    @property
    def refused(self) -> dict[str, RelayError]:
        """The other jobs: something of theirs alone is odd, such as a source, and stops no other."""
        return {job: plan for job in self.jobs if isinstance(plan := self._planned(job), RelayError)}

    def _planned(self, job: str) -> Plan | RelayError:
        if job not in self._plans:
            try:
                self._plans[job] = self.workspace.plan(job, self.chosen.profile, redo=self.chosen.redoes)
            except RelayError as error:
                self._plans[job] = error
        return self._plans[job]

    @property
    def is_done(self) -> bool:
        """Whether no job has anything left that can be done."""
        return all(isinstance(plan.decision, Nothing) for plan in self.plans)

    @functools.cached_property
    def live_sessions(self) -> dict[str, list[LiveSession]]:
        """For each job the sessions whose stages may have something to do."""
        return {plan.job: self.workspace.live_sessions(plan) for plan in self.plans}

    def stages(self, action: Callable[[Workspace, LiveSession], None], wiring: Callable[[LiveSession], Files]) -> Tasks:
        """For each live session a sub-task that does `action`, wired by `wiring`.

        Raises:
            RelayError: a stage is asked for by name, and one of the jobs has no plan.
        """
        if not self.chosen.names.isdisjoint(STAGES):
            for error in self.refused.values():
                raise error
        for sessions in self.live_sessions.values():
            for live in sessions:
                yield self._stage(action, live, wiring(live))

    def runs(self) -> Tasks:
        """For each job a sub-task that runs its live sessions and says what came of them."""
        for plan in self.plans:
            sessions = [] if isinstance(plan.decision, REFUSALS) else self.live_sessions[plan.job]
            task = self._sub_task(plan.job, functools.partial(announce, self.workspace, plan))
            yield task | {"task_dep": [f"restore:{session.name}" for session in sessions]}
        for job, error in self.refused.items():
            yield self._sub_task(job, functools.partial(_refuse, error))

    def for_each_job(self, action: Callable[[Workspace, str], int | None]) -> Tasks:
        """For each job a sub-task that does `action`, which may return an exit code."""
        for job in self.jobs:
            yield self._sub_task(job, functools.partial(action, self.workspace, job))

    def for_each_study(self, action: Callable[[Workspace, str], int | None]) -> Tasks:
        """For each study a sub-task that does `action`, which may return an exit code."""
        for study in self.chosen.studies(_studies(self.workspace, self.chosen)):
            yield self._sub_task(study, functools.partial(action, self.workspace, study))

    def for_all_jobs(self, action: Callable[[Workspace, list[str]], int | None]) -> Task:
        """A task that does `action` with all jobs at once, which may return an exit code."""
        action_of_all = functools.partial(action, self.workspace, self.jobs)
        return {"actions": [in_one_sentence(action_of_all)], "uptodate": [False], "verbosity": 2}

    def _stage(self, action: Callable[[Workspace, LiveSession], None], live: LiveSession, wiring: Files) -> Task:
        return {
            "name": live.name,
            "doc": f"Session {live.name} {live.why}.",
            "title": functools.partial(self._title, live),
            "actions": [in_one_sentence(functools.partial(action, self.workspace, live), waits=self.workspace.follows)],
            "file_dep": [str(path) for path in wiring.needs],
            "targets": [str(path) for path in wiring.makes],
            "uptodate": [True if wiring.rules is None else config_changed(_text(wiring.rules))],
            "verbosity": 2,
        }

    def _sub_task(self, job: str, action: Callable[[], int | None]) -> Task:
        return {"name": job, "actions": [in_one_sentence(action)], "uptodate": [False], "verbosity": 2}

    def _title(self, live: LiveSession, task: Any) -> str:
        """The line of a stage that runs; a session's reason stands on its first one."""
        stage = task.name.partition(":")[0]
        reason = (live.name, live.why)
        has_ended = self.workspace.backends is not None and isinstance(live.plan.decision, Attach)
        if reason in self._said or has_ended:  # whoever watches it has told of it
            return f"{stage:<8}  {live.name}"
        self._said.add(reason)
        return f"{stage:<8}  {live.name}  {live.why}"


def _known(workspace: Workspace, chosen: Selection) -> tuple[list[str], list[str]]:
    """The jobs of jobs.yaml, and the trials of studies.

    For what looks at a broken project, where jobs.yaml cannot be read, the jobs that have sessions.
    """
    try:
        return workspace.jobs, workspace.jobs_file.trials
    except InputError:
        if not chosen.goes_without_jobs_file:
            raise
        return workspace.runs.jobs_with_sessions(), []


def _studies(workspace: Workspace, chosen: Selection) -> list[str]:
    try:
        return workspace.jobs_file.studies
    except InputError:
        if not chosen.goes_without_jobs_file:
            raise
        return []


def _refuse(error: RelayError) -> None:
    raise error


def _text(rules: Rules) -> str:
    return files.canonical_json(msgspec.to_builtins(rules)).decode()


def refuse_old_files() -> None:
    """End the process: dodo.py and pyproject.toml in the project's folder do not go with this version.

    Raises:
        SystemExit: always.
    """
    with exiting_on_error():
        problem = "are not those of this version of kaggle-relay"
        raise InputError(
            "dodo.py and pyproject.toml", problem, "take both from a folder that `kaggle-relay init FOLDER` writes"
        )
