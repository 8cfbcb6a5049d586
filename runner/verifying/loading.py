"""Loads models and does an operation on each device in a process of its own, which may crash without harm."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from contract.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE_SECONDS = 600.0
PROGRAM = "runner.verifying.loading_process"
DEVICES = "devices"
ANSWER = "@verify "
"""Begins each line that is an answer: a user's own module may print what it likes."""
_HOME = Path(__file__).parent.parent.parent
"""The folder that kaggle-relay's packages lie in: before the project's own, which may have a module of such a name."""
_NEVER_CAME = "its process ended before it answered"


@dataclass(frozen=True)
class Answer:
    """What came of loading one model, or of one operation.

    Args:
        subject: the file, or the device.
        problem: empty where all is well.
        is_elsewhere: whether it only needs what is not on this machine's path.
    """

    subject: str
    problem: str = ""
    is_elsewhere: bool = False

    @property
    def is_well(self) -> bool:
        """Whether it went as it should."""
        return not self.problem


class Loading(Protocol):
    """What loads models; a test may have one that does not take seconds."""

    def load(self, root: Path, models: Sequence[Path]) -> list[Answer]:
        """Load each; an answer to each.

        Args:
            root: the project's folder, in which the packages of its own lie.
            models: which were found sound: loading unpickles.
        """

    def devices(self) -> list[Answer]:
        """Do an operation on each device."""


class OwnProcess:
    """Loads in one process for all models of a call."""

    def load(self, root: Path, models: Sequence[Path]) -> list[Answer]:
        """Load each; one after which the process is gone, as after a crash, is told by itself."""
        answers: list[Answer] = []
        while len(answers) < len(models):
            left = models[len(answers) :]
            came = _asked(root.absolute(), [str(each.absolute()) for each in left])
            answers += came[: len(left)]
            if len(came) < len(left):
                answers.append(Answer(str(left[len(came)]), _NEVER_CAME))
        return answers

    def devices(self) -> list[Answer]:
        """Do an operation on each device."""
        return _asked(None, [DEVICES]) or [Answer("cpu", _NEVER_CAME)]


def _asked(root: Path | None, words: list[str]) -> list[Answer]:
    """What the process answers to each word, as far as it came."""
    stated = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(_HOME), *filter(None, [stated]), *([str(root)] if root is not None else [])])
    with tempfile.TemporaryDirectory(prefix="relay-verify-") as folder:
        asked, printed = Path(folder, "asked.txt"), Path(folder, "printed.txt")
        asked.write_text("\n".join(words), encoding="utf-8")
        with printed.open("wb") as stream:
            _run([sys.executable, "-m", PROGRAM, str(asked)], paths, stream)
        said = printed.read_text(encoding="utf-8", errors="replace")
    lines = (each.partition(ANSWER)[2] for each in said.splitlines() if ANSWER in each)
    return [_answer(json.loads(each)) for each in lines]


def _run(command: list[str], paths: str, printed: IO[bytes]) -> None:
    """Run a process until it ends or is late."""
    variables = {**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "agg"}
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(  # noqa: S603 - our own module
            command,
            cwd=_HOME,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            env=variables,
            timeout=PATIENCE_SECONDS,
            check=False,
        )


def _answer(told: dict[str, object]) -> Answer:
    return Answer(str(told["subject"]), one_line(str(told["problem"])), bool(told["is_elsewhere"]))
