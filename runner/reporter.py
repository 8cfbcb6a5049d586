"""What doit says about tasks: a line for each one that runs, a sentence for each that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from doit.exceptions import TaskFailed, UnmetDependency
from doit.reporter import ExecutedOnlyReporter

if TYPE_CHECKING:
    from doit.exceptions import BaseFail
    from doit.task import Task


_FAILED, _ERROR = 1, 2


class RelayReporter(ExecutedOnlyReporter):  # type: ignore[misc] # doit is untyped
    """Stages by name with the reason why they run; the rest speaks for itself."""

    desc = "stages that run, with reasons"
    exit_code = 0
    """The worst of the run so far, tasks that were skipped for another's failure left out."""

    @classmethod
    def begin(cls) -> None:
        """Forget the run before."""
        cls.exit_code = 0

    def execute_task(self, task: Task) -> None:
        """A stage begins."""
        if task.custom_title is not None:
            self._line(task.title())

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """A task failed: our own failures carry their sentence, anything else doit's full report."""
        if isinstance(fail, UnmetDependency):
            return
        type(self).exit_code = max(self.exit_code, _FAILED if isinstance(fail, TaskFailed) else _ERROR)
        if fail.traceback:
            super().add_failure(task, fail)
        else:
            self._line(fail.message)

    def complete_run(self) -> None:
        """Everything was said as it happened."""

    def _line(self, text: Any) -> None:
        self.write(f"{text}\n")
        self.outstream.flush()
