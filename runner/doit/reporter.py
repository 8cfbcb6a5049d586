"""What doit says about tasks: a line for each one that runs, a sentence for each that fails."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING, Any, TextIO

from doit.exceptions import TaskFailed, UnmetDependency
from doit.reporter import ExecutedOnlyReporter

from runner.doit.failures import TaskAnswered, TaskUnderWay
from runner.steering.exit_codes import ERROR, FAILED, UNDER_WAY, worst

if TYPE_CHECKING:
    from doit.exceptions import BaseFail
    from doit.task import Task

    from contract.errors import RelayError

NAME = "relay"


class RelayReporter(ExecutedOnlyReporter):  # type: ignore[misc] # doit is untyped
    """Stages by name with the reason why they run; the rest speaks for itself.

    Args:
        outstream: where it says so.
        options: doit's.
        exit_codes: where it notes the worst exit code of each job whose tasks failed; those that were
            skipped for another's failure do not count, and what is about no one job is under "".
        executed: where it notes the names of the tasks that do something and ran.
        said: where it notes what was said last of each job whose tasks failed.
        later: where it notes why a job goes on later.
        says_later: whether it says so.
    """

    desc = "stages that run, with reasons"

    def __init__(
        self,
        outstream: TextIO,
        options: dict[str, Any],
        exit_codes: dict[str, int] | None = None,
        executed: set[str] | None = None,
        said: dict[str, str] | None = None,
        later: dict[str, RelayError] | None = None,
        *,
        says_later: bool = True,
    ) -> None:
        super().__init__(outstream, options)
        self._later = {} if later is None else later
        self._says_later = says_later
        self._exit_codes = {} if exit_codes is None else exit_codes
        self._executed = set() if executed is None else executed
        self._said = {} if said is None else said

    def execute_task(self, task: Task) -> None:
        """A task begins; of stages it is said."""
        if task.actions:
            self._executed.add(task.name)
        if task.custom_title is not None:
            self._line(task.title())

    def add_failure(self, task: Task, fail: BaseFail) -> None:
        """A task failed: our own failures carry their sentence, anything else doit's full report."""
        if isinstance(fail, UnmetDependency):
            return
        job = task.name.split(":")[1] if ":" in task.name else ""
        if isinstance(fail, TaskAnswered):
            self._exit_codes[job] = worst(self._exit_codes.get(job, 0), fail.code)
            return
        code = UNDER_WAY if isinstance(fail, TaskUnderWay) else FAILED if isinstance(fail, TaskFailed) else ERROR
        self._exit_codes[job] = worst(self._exit_codes.get(job, 0), code)
        self._said[job] = str(fail.message)
        if isinstance(fail, TaskUnderWay) and fail.error is not None:
            self._later[job] = fail.error
            if not self._says_later:
                return
        if fail.traceback:
            super().add_failure(task, fail)
        elif fail.message:
            self._line(fail.message)

    def complete_run(self) -> None:
        """Everything was said as it happened."""

    def _line(self, text: Any) -> None:
        self.write(f"{text}\n")
        self.outstream.flush()


def noting(
    exit_codes: dict[str, int],
    executed: set[str],
    said: dict[str, str] | None = None,
    instead: TextIO | None = None,
    later: dict[str, RelayError] | None = None,
    *,
    says_later: bool = True,
) -> type[RelayReporter]:
    """The reporter as a class, which is what doit takes, with what it notes in, and where it writes if not to there."""

    class Noting(RelayReporter):
        def __init__(self, outstream: TextIO, options: dict[str, Any]) -> None:
            super().__init__(instead or outstream, options, exit_codes, executed, said, later, says_later=says_later)

    return Noting


def speak_utf8() -> None:
    """Write UTF-8, line by line, where something else than a terminal reads."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and not stream.isatty():
            stream.reconfigure(encoding="utf-8", line_buffering=True)


def output_is_read() -> bool:
    """Whether somebody still reads the standard output, unlike in `doit status | head`, as far as can be told."""
    poll = getattr(select, "poll", None)  # Windows has none
    if poll is None:
        return True
    looking = poll()
    try:
        looking.register(sys.stdout.fileno(), 0)  # what is wrong with it is told of without being asked for
    except (OSError, ValueError):  # it is no file
        return True
    return not looking.poll(0)


def fall_silent() -> None:
    """Print nothing more: at its end Python would fail to write what is left."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
