"""doit's command `import-zoo`, which is about a file and no task."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.cmd_base import Command

from contract.errors import InputError
from runner.doit.failures import exiting_on_error
from runner.doit.reporter import speak_utf8

if TYPE_CHECKING:
    from collections.abc import Sequence

_WRITE = {
    "name": "write",
    "short": "",
    "long": "write",
    "type": bool,
    "default": False,
    "help": "add the job to jobs.yaml instead of printing it",
}
_HOW = "doit import-zoo FILE ENV"


class ImportZoo(Command):  # type: ignore[misc] # doit is untyped
    """Makes a job of an entry of rl-baselines3-zoo's."""

    name = "import-zoo"
    doc_purpose = "make a job of an entry of rl-baselines3-zoo's hyperparameter files"
    doc_usage = "FILE ENV [--write]"
    doc_description = "FILE is one such as hyperparams/ppo.yml, called after its algorithm; ENV an entry in it."
    cmd_options = (_WRITE,)

    def execute(self, opt_values: Any, pos_args: Sequence[str]) -> int:
        """Print the job, or write it into jobs.yaml."""
        speak_utf8()
        with exiting_on_error():
            from runner.commands.import_zoo import import_zoo  # noqa: PLC0415 - doit's help needs none of it
            from runner.layout import JOBS_FILE  # noqa: PLC0415 - likewise

            options = {f"--{_WRITE['name']}"}  # doit reads those before the arguments
            writes = opt_values["write"] or not options.isdisjoint(pos_args)
            pos_args = [each for each in pos_args if each not in options]
            if len(pos_args) != 2:  # noqa: PLR2004 - as the sentence says
                raise InputError(_HOW, "needs a file and an environment", "write `doit import-zoo ppo.yml CartPole-v1`")
            file, environment = pos_args
            target = Path(JOBS_FILE) if writes else None
            sys.stdout.write(import_zoo(Path(file), environment, target))
        return 0
