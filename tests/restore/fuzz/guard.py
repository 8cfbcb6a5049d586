"""What holds whenever something that came back from a session is judged, whatever its bytes are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from contract.errors import CheckpointError, RelayError
from contract.storage.layout import checkpoint_name
from restore.integrity import inspect_checkpoint
from tests.examples import some
from tests.restore.conftest import JOB, MAX_BYTES, TIMESTEPS, Watch
from tests.restore.fuzz.pickles import SPRUNG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

    from contract.documents.session import CheckpointRecord

    Draw = Callable[[SearchStrategy[Any]], Any]

NAME = checkpoint_name(JOB, TIMESTEPS)
MOST_SECONDS = 30
"""Of the processor, for what takes hundredths, or two at the limits: what grows with the square would take hours."""
MOST_MEMORY = 64 << 20
LONGEST_SENTENCE = 600
TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
"""How many times as many examples as usual; above 1 they are other ones in each run."""

FEWEST = 40
"""Different inputs that a test has seen refused at its end, at least: more than five hundred in all."""


def fuzz(examples: int) -> settings:
    """The same examples in every run, all of them with `--long`; more of them, and others, on demand."""
    return settings(max_examples=some(examples, 2) * TIMES, derandomize=TIMES == 1, deadline=None, database=None)


class Watchman(Watch):
    """Notes too what is opened outside of a folder.

    Args:
        folder: what is judged lies below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        super().__init__()

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        super().hook(event, arguments)
        if self.on and event == "open" and not Path(os.fsdecode(arguments[0])).resolve().is_relative_to(self.folder):
            self.events.append(f"opened outside of its folder: {arguments!r}")


def tree(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Kind, size and time of change of everything below a folder."""
    found = {path: path.lstat() for path in (folder, *folder.rglob("*"))}
    return {str(path): (each.st_mode, each.st_size, each.st_mtime_ns) for path, each in found.items()}


def checked(sentence: str) -> str:
    """One sentence for people: a single line that can be printed anywhere, and is read to its end."""
    assert sentence.strip()
    assert sentence.isprintable(), ascii(sentence[:LONGEST_SENTENCE])
    assert len(sentence) < LONGEST_SENTENCE, sentence[:LONGEST_SENTENCE]
    return sentence


class Guard:
    """Judges damaged inputs in a folder of its own, and counts those that were refused.

    Args:
        watchman: watches this process; its folder is where inputs are put.
    """

    def __init__(self, watchman: Watchman) -> None:
        self.folder = watchman.folder
        self.artifacts = watchman.folder / "artifacts"
        self.cases: set[str] = set()
        self._watchman = watchman

    def enough(self) -> None:
        """Check that a test was about as much as it says."""
        assert len(self.cases) >= FEWEST

    def count(self, *case: object) -> None:
        """Note an input that was refused."""
        self.cases.add(hashlib.sha256(repr(case).encode("utf-8", "backslashreplace")).hexdigest())

    @contextlib.contextmanager
    def watching(self, *, memory: int | None = None) -> Iterator[None]:
        """Check that nothing is written, executed or opened elsewhere, and that it is over soon.

        Args:
            memory: the most that may be used, in bytes; tracing it makes all slow, so time is then left alone.
        """
        before = tree(self.folder)
        self._watchman.events.clear()
        if memory is not None:
            tracemalloc.start()
        began = time.process_time()
        self._watchman.on = True
        try:
            yield
        finally:
            self._watchman.on = False
            seconds = time.process_time() - began
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert self._watchman.events == []
        assert SPRUNG == []
        assert tree(self.folder) == before
        assert peak < (memory or 1)
        assert seconds < MOST_SECONDS or memory is not None

    def judge(self, content: bytes, memory: int | None = None, **arguments: Any) -> CheckpointRecord | CheckpointError:
        """The verdict on a checkpoint; any other error leaves."""
        path = self.artifacts / NAME
        path.write_bytes(content)
        values: dict[str, Any] = {"job": JOB, "expected": None, "max_bytes": MAX_BYTES, **arguments}
        verdict: CheckpointRecord | CheckpointError
        try:
            with self.watching(memory=memory):
                verdict = inspect_checkpoint(path, **values)
        except CheckpointError as error:
            verdict = error
        finally:
            path.unlink()
        if isinstance(verdict, CheckpointError):
            assert verdict.subject == NAME
            assert verdict.remedy
            checked(str(verdict))
            self.count(content, arguments)
        else:  # whatever is sound is written down and read again by the next stages
            json.dumps(verdict.model_dump(mode="json"), ensure_ascii=False, allow_nan=False).encode()
        return verdict

    def refused(self, content: bytes, memory: int | None = None, **arguments: Any) -> str:
        """Why a checkpoint is refused."""
        verdict = self.judge(content, memory, **arguments)
        assert isinstance(verdict, CheckpointError)
        return str(verdict)

    def sound(self, content: bytes) -> CheckpointRecord:
        """The record of a checkpoint that is sound."""
        verdict = self.judge(content)
        assert not isinstance(verdict, CheckpointError), str(verdict)
        return verdict

    def refused_by(self, read: Callable[[], object], *case: object) -> str:
        """Why a document of the runner's is refused."""
        with self.watching(), pytest.raises(RelayError) as caught:
            read()
        self.count(*case)
        return checked(str(caught.value))
