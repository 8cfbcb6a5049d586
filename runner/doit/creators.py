"""The words of dodo.py. Each makes a creator of tasks, which `runner.doit.loader` gives the graph to draw from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from runner.doit.graph import Graph, refuse_old_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.doit.graph import Files, Task, Tasks
    from runner.workspace import LiveSession, Workspace


class Creator(msgspec.Struct, frozen=True):
    """Creates the tasks of one name.

    Args:
        doc: what they do, for `doit list`.
        tasks: draws them: one task, or sub-tasks.
    """

    doc: str
    tasks: Callable[[Graph], Tasks | Task]

    def create_doit_tasks(self) -> None:
        """What doit's own loader calls, which has no graph: pyproject.toml did not name ours."""
        refuse_old_files()


def stage(action: Callable[[Workspace, LiveSession], None]) -> Callable[[Callable[[LiveSession], Files]], Creator]:
    """A stage of each live session, which does `action`; the function below says which files it goes by."""

    def creator(files: Callable[[LiveSession], Files]) -> Creator:
        return Creator(files.__doc__ or "", lambda graph: graph.stages(action, files))

    return creator


def runs(doc: str) -> Creator:
    """For each job: all stages of its live sessions, and a word on what came of them."""
    return Creator(doc, Graph.runs)


def for_each_job(action: Callable[[Workspace, str], int | None], doc: str) -> Creator:
    """For each job: `action`."""
    return Creator(doc, lambda graph: graph.for_each_job(action))


def for_each_study(action: Callable[[Workspace, str], int | None], doc: str) -> Creator:
    """For each study: `action`."""
    return Creator(doc, lambda graph: graph.for_each_study(action))


def for_all_jobs(action: Callable[[Workspace, list[str]], int | None], doc: str) -> Creator:
    """`action`, once for all jobs."""
    return Creator(doc, lambda graph: graph.for_all_jobs(action))
