"""Names of the files of a search; where its folder lies is `runner.layout`'s to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class StudyFolder(NamedTuple):
    """The files of a search, `runs/.studies/<study>/`."""

    path: Path

    @property
    def founding(self) -> Path:
        """What the study was when its first trial began."""
        return self.path / "study.json"

    @property
    def journal(self) -> Path:
        """What Optuna knows, as its JournalStorage keeps it."""
        return self.path / "journal.log"

    @property
    def trials(self) -> Path:
        """The trials, a file each."""
        return self.path / "trials"

    def trial(self, number: int) -> Path:
        """A trial: its hyperparameters, its job and how it ended."""
        return self.trials / f"{number:04d}.json"
