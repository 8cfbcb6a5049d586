"""doit's loader of tasks: reads dodo.py, and gives its creators the graph that the command line asks for.

doit makes the loader whatever is asked for, so what draws a graph is imported when one is drawn.
"""
# ruff: noqa: PLC0415 - as said above

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit import get_var
from doit.cmd_base import DodoTaskLoader
from doit.loader import TASK_STRING, generate_tasks, get_module

from contract.errors import InputError
from runner.doit.selection import EVERYTHING, WAITING_TASKS
from runner.doit.variables import check_variables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from doit.cmd_base import DoitCmdBase
    from doit.task import Task

    from runner.doit.creators import Creator
    from runner.doit.graph import Graph
    from runner.doit.selection import Selection

_WAITS = {None: True, "yes": True, "no": False}


class RelayLoader(DodoTaskLoader):  # type: ignore[misc] # doit is untyped
    """Loads dodo.py. `doit run` says what it draws; every other command of doit sees all tasks of all jobs."""

    def __init__(self) -> None:
        super().__init__()
        self.namespace: dict[str, Any] | None = None
        self.creators: dict[str, Creator] = {}
        self._graph: Graph | None = None
        self._lists_names = False

    def setup(self, opt_values: Any) -> None:
        """Read dodo.py, once: a relative path counts from where doit was started."""
        self._lists_names = opt_values.get("subtasks") is False and not opt_values["status"]
        if self.namespace is not None:
            return
        from runner.doit.creators import Creator

        module = get_module(opt_values["dodoFile"], opt_values["cwdPath"], opt_values["seek_file"])
        self.creators = {
            name.removeprefix(TASK_STRING): value for name, value in vars(module).items() if isinstance(value, Creator)
        }
        self.namespace = {name: value for name, value in vars(module).items() if not isinstance(value, Creator)}

    def draw(self, chosen: Selection) -> Graph:
        """The graph for `chosen`, after a look at the disk.

        Raises:
            InputError: the command line or jobs.yaml has an error.
        """
        from runner.doit.graph import Graph
        from runner.workspace import Workspace

        root = Path((self.namespace or {})["__file__"]).parent
        backend, waits = backend_variable(sys.argv[1:]), wait_variable()
        if not waits and not chosen.may_wait:
            problem = "is about commands that run sessions"
            raise InputError("variable wait", problem, f"leave it out, or ask for one of {', '.join(WAITING_TASKS)}")
        return Graph(Workspace(root, backend, waits=waits), chosen)

    def use(self, graph: Graph) -> None:
        """Load the tasks of `graph`, and only those that its selection needs."""
        self._graph = graph

    def load_tasks(self, cmd: DoitCmdBase, pos_args: Sequence[str]) -> list[Task]:
        """The tasks of dodo.py, in the order of the file; a user's own ones last."""
        from runner.doit.failures import exiting_on_error

        own = super().load_tasks(cmd, pos_args)
        with exiting_on_error():
            graph = self._graph or self.draw(EVERYTHING)
            if self._lists_names and not pos_args:
                return [*(_named(name, creator) for name, creator in self.creators.items()), *own]
            needed = self.creators.keys() if own or self._graph is None else self._needed(graph.chosen)
            tasks = [
                task
                for name, creator in self.creators.items()
                if name in needed
                for task in generate_tasks(name, creator.tasks(graph), creator.doc)
            ]
        return [*tasks, *own]

    def _needed(self, chosen: Selection) -> AbstractSet[str]:
        """The names that a run of `chosen` comes past; all of them where it names something else, such as a file."""
        known, names = self.creators.keys(), chosen.names | chosen.stages
        return known if names - known else names


def _named(name: str, creator: Creator) -> Task:
    """A task without its sub-tasks, of which there are many for each job, and which `doit list` leaves out."""
    from doit.task import Task

    return Task(name, None, doc=creator.doc, has_subtask=True)


def backend_variable(arguments: Sequence[str]) -> str | None:
    """The backend that a command line with `arguments` sets for all jobs.

    Raises:
        InputError: it sets something else.
    """
    check_variables(arguments)
    backend = get_var("backend")
    return None if backend is None else str(backend)


def wait_variable() -> bool:
    """Whether the command line asks to wait for sessions to end, as it does where it says nothing.

    Raises:
        InputError: it sets something else.
    """
    value = get_var("wait")
    if value not in _WAITS:
        raise InputError("variable wait", f"is {value!r}", "write wait=yes or wait=no")
    return _WAITS[value]
