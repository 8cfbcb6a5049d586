"""What doit says about tasks: a line for each one that runs, a sentence for each that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from doit.exceptions import TaskFailed, UnmetDependency
from doit.reporter import ExecutedOnlyReporter

if TYPE_CHECKING:
    from doit.exceptions import BaseFail
    from doit.task import Task


_FAILED, _ERROR = 1, 2


class RelayReporter(ExecutedOnlyReporter):  # type: ignore[misc] # doit is untyped
    """Stages by name with the reason why they run; the rest speaks for itself."""

    desc = "stages that run, with reasons"
    exit_codes: ClassVar[dict[str, int]] = {}
    """The worst of each job in the run so far, tasks that were skipped for another's failure left out."""

    @classmethod
    def begin(cls) -> None:
        """Forget the run before."""
        cls.exit_codes.clear()

    def execute_task(self, task: Task) -> None:
        """A stage begins."""
        if task.custom_title is not None:
            self._line(task.title())

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """A task failed: our own failures carry their sentence, anything else doit's full report."""
        if isinstance(fail, UnmetDependency):
            return
        job = task.name.split(":")[1] if ":" in task.name else ""
        self.exit_codes[job] = max(self.exit_codes.get(job, 0), _FAILED if isinstance(fail, TaskFailed) else _ERROR)
        if fail.traceback:
            super().add_failure(task, fail)
        else:
            self._line(fail.message)

    def complete_run(self) -> None:
        """Everything was said as it happened."""

    def _line(self, text: Any) -> None:
        self.write(f"{text}\n")
        self.outstream.flush()
