"""`doit resume wait=no`, again and again as cron would: whatever is killed or overlaps, it is one run of doit's."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest

from emulator.faults.rules import Kind, Rule
from tests.project import PATIENCE_SECONDS, Project, tensors_digest
from tests.scenarios.weeks import (
    KERNEL,
    NO_WAIT,
    ROLLOUT,
    UNDER_WAY,
    check_one_lineage,
    job,
    lose_everything,
    reached,
    uninterrupted,
)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulated import EmulatedKaggle

SEED = 12
COMMANDS = 200


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedKaggle]:
    """An emulator that this test's commands reach."""
    with reached(tmp_path / "kaggle", monkeypatch) as server:
        yield server


def test_commands_that_are_killed_and_a_machine_that_is_lost_are_one_run(
    project: Project, kaggle: EmulatedKaggle
) -> None:
    project.write_jobs(cart=job(total_timesteps=ROLLOUT))
    project.kill_at("execute", *NO_WAIT, operations=1)
    runs = Rule(kind=Kind("answer"), call="GetKernelSessionStatus", fields={"status": "RUNNING"}, first=2)
    kaggle.running.faults.add([runs])
    said = project.doit(*NO_WAIT, expect=UNDER_WAY)
    assert "cart: session 0001: goes on on the kaggle backend; the same command later goes on" in said
    told = "cart: 1 session(s) recovered from the kaggle backend, and session 0001 goes on there"
    assert told in lose_everything(project, kaggle)
    kaggle.wait(KERNEL)
    project.kill_at("download", *NO_WAIT, operations=1)
    assert "session 0001 reached 64 of 64 timesteps: goal met" in project.doit(*NO_WAIT)
    assert "nothing to do: 64 of 64 timesteps" in project.doit(*NO_WAIT)
    check_one_lineage(project, kaggle, ROLLOUT)


class Cron:
    """Starts commands that do not wait, at random kills some and lets others overlap.

    Args:
        project: where.
        seed: of what is drawn.
    """

    def __init__(self, project: Project, seed: int) -> None:
        self.commands = self.killed = self.overlapped = 0
        self._project = project
        self._random = random.Random(seed)

    def run(self) -> set[int]:
        """Start one command or some at once; return their exit codes."""
        at_once = self._random.choice((1, 1, 1, 2, 3))
        self.overlapped += at_once > 1
        started = [self._start() for _ in range(at_once)]
        codes = set()
        for process in started:
            said, _ = process.communicate(timeout=PATIENCE_SECONDS)
            self.commands += 1
            self.killed += process.returncode < 0
            assert process.returncode in (0, UNDER_WAY, -9), said
            assert "Traceback" not in said
            codes.add(process.returncode)
        return codes

    def _start(self) -> subprocess.Popen[str]:
        if self._random.random() < 1 / 3:
            return self._project.start(*NO_WAIT)
        return self._project.start_struck("", *NO_WAIT, operations=self._random.randrange(40))


@pytest.mark.long("takes tens of minutes: --long runs it")
@pytest.mark.timeout(7_200)
def test_two_hundred_commands_are_one_run(project: Project, kaggle: EmulatedKaggle, tmp_path: Path) -> None:
    sessions = 24
    goal = sessions * ROLLOUT
    project.write_jobs(cart=job(total_timesteps=goal))
    cron = Cron(project, SEED)
    for _ in itertools.count():
        if 0 in cron.run() and cron.commands >= COMMANDS:
            break
    print(f"seed {SEED}: {cron.commands} commands, {cron.killed} killed, {cron.overlapped} times some at once")  # noqa: T201 - what came of it
    assert cron.killed > COMMANDS / 10
    check_one_lineage(project, kaggle, goal)
    whole = uninterrupted(tmp_path / "local", goal)
    assert tensors_digest(project.checkpoint("cart", sessions)) == whole
