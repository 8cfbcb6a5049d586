"""doit's `run` command as it begins: where nothing has changed it says again what was said, else it loads the rest."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.cmd_run import Run

from contract.errors import InputError
from contract.events import say
from runner.doit.loader import backend_variable, wait_variable
from runner.doit.plugins import Plugins
from runner.doit.reporter import fall_silent, output_is_read, speak_utf8
from runner.doit.selection import select
from runner.doit.variables import without_flags
from runner.planning.settled import said_again
from runner.steering.exit_codes import UNREAD

if TYPE_CHECKING:
    from runner.doit.run import RelayRun


class RelayCommand(Run):  # type: ignore[misc] # doit is untyped
    """Runs tasks as `RelayRun` does, without loading it where that would only say what was said before.

    Args:
        made_with: what doit makes its commands with.
    """

    name = "run"

    def __init__(self, **made_with: Any) -> None:
        self._began_ns = time.time_ns()
        self._made_with = made_with
        self._is_bare = False
        super().__init__(**made_with)

    def get_reporters(self) -> dict[str, Any]:
        """The reporters that there are, looked for where one is named."""
        self.cmdparser["reporter"].choices = Plugins({}, lambda: self._run().cmdparser["reporter"].choices)
        return Plugins({}, lambda: self._run().reporters)

    def get_backends(self) -> dict[str, Any]:
        """The kinds of memory that there are, looked for where one is named."""
        self.cmdparser["backend"].choices = Plugins({}, lambda: self._run().cmdparser["backend"].choices)
        return Plugins({}, lambda: self._run().get_backends())

    def parse_execute(self, in_args: list[str]) -> int:
        """Read the command line and run what it asks for; return doit's exit code."""
        in_args = without_flags(in_args)
        self._is_bare = not self.opt_vals and not any(argument.startswith("-") for argument in in_args)
        try:
            code: int = super().parse_execute(in_args)
        except BrokenPipeError:
            if output_is_read():  # then a connection broke
                raise
            fall_silent()
            code = UNREAD
        return code

    def execute(self, params: Any, args: list[str]) -> int:
        """Run the tasks named by `args`; return doit's exit code."""
        has_no_options = self._has_no_options(params)
        if has_no_options and (lines := _said_again(args)) is not None:
            speak_utf8()
            for line in lines:
                say(line)
            return 0
        return self._run(self._began_ns if has_no_options else None).execute(params, args)

    def _run(self, began_ns: int | None = None) -> RelayRun:
        from runner.doit.run import RelayRun  # noqa: PLC0415 - what has nothing to do needs none of it

        return RelayRun(began_ns, **self._made_with)

    def _has_no_options(self, params: Any) -> bool:
        """Whether none is set here, in the environment or for the project; dodo.py is where doit was started then."""
        options = (*self.base_options, *self.loader.cmd_options, *self.cmd_options)
        return self._is_bare and all(params[each["name"]] == each["default"] for each in options)


def _said_again(args: list[str]) -> list[str] | None:
    try:
        wait_variable()
        return said_again(Path.cwd(), select(args), backend_variable(sys.argv[1:]))
    except (InputError, OSError):  # the run says it
        return None
