"""Runs the documented commands of the official client, one by one, against an emulator: a table of what came of each.

python -m tests.emulator.official_cli
"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.emulated import emulated
from tests.emulator import client_commands
from tests.emulator.official_cli_steps import READER, STEPS, USERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.emulated import EmulatedKaggle
    from tests.emulator.client_commands import Run
    from tests.emulator.official_cli_steps import Step

_PATIENCE_SECONDS = 60.0
_TOKEN = re.compile(r"Next Page Token = (\S+)")


@dataclass(frozen=True)
class Row:
    """What came of a step.

    Args:
        step: the step.
        code: the exit code.
        output: all that the client printed.
        missing: the words and files that should have been there.
        seconds: how long it took.
    """

    step: Step
    code: int
    output: str
    missing: tuple[str, ...]
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether the client did what the documentation says."""
        return self.code == self.step.code and not self.missing

    def __str__(self) -> str:
        verdict = "as documented" if self.is_right else "OTHERWISE"
        line = f"{verdict:13}  {self.seconds:5.1f} s  {self.code}  {self.step.source:20} kaggle {self.step.command}"
        if self.is_right:
            return line
        return f"{line}\n  missing: {list(self.missing)}\n  printed: {self.output.strip()!r}"


def run_steps(kaggle: EmulatedKaggle, steps: Sequence[Step]) -> Iterator[Row]:
    """Type each command, as the user that it is for."""
    with client_commands.runner() as run:
        yield from _run_steps(kaggle, steps, run)


def _run_steps(kaggle: EmulatedKaggle, steps: Sequence[Step], run: Run) -> Iterator[Row]:
    token = ""
    for step in steps:
        if step.before is not None:
            step.before(kaggle.home)
        arguments = shlex.split(step.command.replace("$KAGGLE_DEVELOPER", READER).replace("<TOKEN>", token))
        start = time.monotonic()
        ended = run(arguments, kaggle.environment(step.user), kaggle.home)
        while (
            step.until_it_says is not None
            and step.until_it_says not in ended.stdout
            and time.monotonic() < start + _PATIENCE_SECONDS
        ):
            ended = run(arguments, kaggle.environment(step.user), kaggle.home)
        output = ended.stdout + ended.stderr
        token = found[1] if (found := _TOKEN.search(output)) else token
        missing = [words for words in step.words if words not in output]
        missing += [file for file in step.files if not (kaggle.home / file).is_file()]
        yield Row(step, ended.returncode, output, tuple(missing), time.monotonic() - start)


def main() -> int:
    """Print the table; return how many rows are wrong."""
    wrong = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        emulated(Path(folder), users=dict.fromkeys(USERS, "key")) as kaggle,
    ):
        for row in run_steps(kaggle, STEPS):
            wrong += not row.is_right
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(STEPS)} commands, {wrong} not as documented\n")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
