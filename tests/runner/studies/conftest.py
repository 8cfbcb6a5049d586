"""Studies whose sessions are played: what they come to follows from their hyperparameters, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from runner.backends.registry import sections
from runner.jobs.file import load_file
from runner.layout import RunsFolder
from runner.studies.judging import Evaluated
from runner.studies.records import trial_of_job
from runner.studies.sessions import Stand, Went
from tests.project import cart_pole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runner.studies.values import Study

RATE = "hyperparameters.learning_rate"
SEARCH = {
    RATE: {"low": 1e-5, "high": 1e-1, "log": True},
    "hyperparameters.n_epochs": {"low": 1, "high": 4},
    "hyperparameters.policy_kwargs.net_arch": {"choices": [[8], [16, 16]]},
}


def write_study(root: Path, **changes: Any) -> None:
    """Write a jobs.yaml with a study of a job of 256 timesteps, which is evaluated every 64."""
    study = {"job": "cart", "trials": 4, "search": SEARCH, "sampler": {"startup": 2}, "pruner": {"startup": 1}}
    jobs = {"cart": cart_pole(eval={"frequency": 64, "episodes": 2})}
    root.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({"studies": {"lr": study | changes}, "jobs": jobs}, sort_keys=False)
    (root / "jobs.yaml").write_text(text, encoding="utf-8")


def read_study(root: Path) -> Study:
    """The study in that file."""
    return load_file(root / "jobs.yaml", sections()).studies["lr"]


class Played:
    """Sessions that run as they are looked at: at each look one more evaluation is there, whoever looks.

    Args:
        runs: where the trials are.
        fails: the trials whose sessions fail, by number.
    """

    def __init__(self, runs: RunsFolder, fails: frozenset[int] = frozenset()) -> None:
        self._runs = runs
        self._fails = fails
        self.evaluations: dict[str, int] = {}
        self.stopped: list[str] = []
        self.begun: list[str] = []
        self.gone: list[str] = []

    def look(self, jobs: Sequence[str]) -> None:
        pass

    def advance(self, job: str, *, begins: bool) -> Went:
        done = self.evaluations.get(job, 0)
        trial = trial_of_job(self._runs, job)
        assert trial is not None
        if trial.number in self._fails:
            return Went(Stand.STUCK, "session 0001 ended (diverged)")
        if done == 4:
            return Went(Stand.MET)
        if job in self.stopped or not begins:
            return Went(Stand.AT_REST)
        if done == 0:
            self.begun.append(job)
        self.evaluations[job] = done + 1
        return Went(Stand.UNDER_WAY)

    def stop(self, job: str) -> None:
        self.stopped.append(job)

    def let_go(self, job: str) -> None:
        self.gone.append(job)

    def evaluated(self, job: str, frequency: int) -> list[Evaluated]:
        trial = trial_of_job(self._runs, job)
        assert trial is not None
        best = -abs(float(trial.parameters.get(RATE, 0)) - 1e-3)
        steps = [frequency * (index + 1) for index in range(self.evaluations.get(job, 0))]
        return [Evaluated(step, step + 1, best * 256 / step) for step in steps]

    def reached(self, job: str) -> int:
        return 64 * self.evaluations.get(job, 0)


@pytest.fixture
def runs(tmp_path: Path) -> RunsFolder:
    """Of a project with that study."""
    write_study(tmp_path)
    return RunsFolder(tmp_path)
