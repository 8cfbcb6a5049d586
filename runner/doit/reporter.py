"""What doit says about tasks: a line for each one that runs, a sentence for each that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from doit.exceptions import TaskFailed, UnmetDependency
from doit.reporter import ExecutedOnlyReporter

if TYPE_CHECKING:
    from doit.exceptions import BaseFail
    from doit.task import Task


NAME = "relay"
_FAILED, _ERROR = 1, 2


class RelayReporter(ExecutedOnlyReporter):  # type: ignore[misc] # doit is untyped
    """Stages by name with the reason why they run; the rest speaks for itself.

    Args:
        outstream: where it says so.
        options: doit's.
        exit_codes: where it notes the worst exit code of each job whose tasks failed; those that were
            skipped for another's failure do not count, and what is about no one job is under "".
    """

    desc = "stages that run, with reasons"

    def __init__(self, outstream: TextIO, options: dict[str, Any], exit_codes: dict[str, int] | None = None) -> None:
        super().__init__(outstream, options)
        self._exit_codes = {} if exit_codes is None else exit_codes

    def execute_task(self, task: Task) -> None:
        """A stage begins."""
        if task.custom_title is not None:
            self._line(task.title())

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """A task failed: our own failures carry their sentence, anything else doit's full report."""
        if isinstance(fail, UnmetDependency):
            return
        job = task.name.split(":")[1] if ":" in task.name else ""
        code = _FAILED if isinstance(fail, TaskFailed) else _ERROR
        self._exit_codes[job] = max(self._exit_codes.get(job, 0), code)
        if fail.traceback:
            super().add_failure(task, fail)
        else:
            self._line(fail.message)

    def complete_run(self) -> None:
        """Everything was said as it happened."""

    def _line(self, text: Any) -> None:
        self.write(f"{text}\n")
        self.outstream.flush()


def noting(exit_codes: dict[str, int]) -> type[RelayReporter]:
    """The reporter as a class, which is what doit takes, with `exit_codes` to note in."""

    class Noting(RelayReporter):
        def __init__(self, outstream: TextIO, options: dict[str, Any]) -> None:
            super().__init__(outstream, options, exit_codes)

    return Noting
