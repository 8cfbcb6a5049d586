"""Names and paths of `runs/`: spelled here and nowhere else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from runner.studies.folder import StudyFolder

if TYPE_CHECKING:
    from pathlib import Path

RUNS = "runs"
ARCHIVE = ".archive"
CACHE = ".cache"
BACKENDS = ".backends"
LOCKS = ".locks"
RECOVERING = ".recovering"
TENSORBOARD = ".tensorboard"
JOBS_FILE = "jobs.yaml"
REPORT_FILE = "report.html"
LEARNING_CURVE = "learning_curve"
PACKAGES_LOCK = "packages.lock"
DAMAGED = ".damaged"
STUDIES = ".studies"
DOIT_MEMORY = ".doit.sqlite3"


class SessionFolder(NamedTuple):
    """The files of one session, `runs/<job>/<NNNN>/`."""

    path: Path

    @property
    def number(self) -> str:
        """`0001` and so on."""
        return self.path.name

    @property
    def request(self) -> Path:
        """What the session is asked for."""
        return self.path / "request.json"

    @property
    def package(self) -> Path:
        """The folder that a backend is given."""
        return self.path / "package"

    @property
    def payload(self) -> Path:
        """The part of the package that becomes the session's input."""
        return self.package / "payload"

    @property
    def script(self) -> Path:
        """The part of the package that starts the session."""
        return self.package / "script.py"

    @property
    def sources_table(self) -> Path:
        """Every packaged source with its digests, to explain a change by name."""
        return self.package / "sources.json"

    @property
    def package_json(self) -> Path:
        """The key and the digests of the inputs; once it is there the package is sealed."""
        return self.path / "package.json"

    @property
    def ledger_json(self) -> Path:
        """How far the submission got, so that nothing is ever submitted twice."""
        return self.path / "ledger.json"

    @property
    def execution_json(self) -> Path:
        """How the session ended; written once it has."""
        return self.path / "execution.json"

    @property
    def artifacts(self) -> Path:
        """What the session left, downloaded whole."""
        return self.path / "artifacts"

    @property
    def arriving_artifacts(self) -> Path:
        """A download that has not ended."""
        return self.path / "artifacts.arriving"

    @property
    def left_behind_json(self) -> Path:
        """What a download has left behind, in words; not there where it has left nothing."""
        return self.path / "left_behind.json"

    @property
    def nothing_came_json(self) -> Path:
        """Why a download brought nothing; there until something comes, for which later commands look again."""
        return self.path / "nothing_came.json"

    @property
    def manifest_json(self) -> Path:
        """sha256 and size of every downloaded file."""
        return self.path / "manifest.json"

    @property
    def report_json(self) -> Path:
        """The verdict of validation, reason by reason."""
        return self.path / "report.json"

    @property
    def restored_json(self) -> Path:
        """What was adopted: the next session's parent."""
        return self.path / "restored.json"

    @property
    def removed_json(self) -> Path:
        """What `doit gc` removed of the session; not there where it removed nothing."""
        return self.path / "removed.json"

    @property
    def log(self) -> Path:
        """Everything that the session printed."""
        return self.path / "session.log"


class RunsFolder(NamedTuple):
    """`runs/` below the folder of jobs.yaml."""

    root: Path

    @property
    def path(self) -> Path:
        """`runs/` itself."""
        return self.root / RUNS

    def job(self, name: str) -> Path:
        """The folder of a job's current lineage."""
        return self.path / name

    def session(self, job: str, number: int) -> SessionFolder:
        """The folder of one session, whether it exists or not."""
        return SessionFolder(self.job(job) / f"{number:04d}")

    def sessions(self, job: str) -> list[SessionFolder]:
        """The sessions on disk, oldest first."""
        return sessions_below(self.job(job))

    def jobs_with_sessions(self) -> list[str]:
        """The jobs of which anything has run, whatever jobs.yaml says."""
        try:
            names = sorted(each.name for each in self.path.iterdir() if not each.name.startswith("."))
        except OSError:
            return []
        return [name for name in names if self.sessions(name)]

    def archived(self, job: str) -> list[Path]:
        """The folders of a job's earlier lineages; another job's name may begin with this one's."""
        return sorted(self.path / ARCHIVE / name for name in self._archive() if name.rpartition("-")[0] == job)

    def last_archived(self) -> dict[str, int]:
        """For each job that has an archived lineage the number of its latest one."""
        latest: dict[str, int] = {}
        for name in self._archive():
            job, _, number = name.rpartition("-")
            latest[job] = max(latest.get(job, 0), int(number))
        return latest

    def _archive(self) -> list[str]:
        """The names of the folders of all archived lineages."""
        try:
            names = os.listdir(self.path / ARCHIVE)  # noqa: PTH208 - spares a Path for each folder
        except OSError:
            return []
        return [name for name in names if name.rpartition("-")[2].isdecimal()]

    def best_agent(self, job: str, suffix: str) -> Path:
        """The video of a job's best agent, which can be made again at any time."""
        return self.job(job) / f"best_agent{suffix}"

    def export(self, job: str) -> Path:
        """What is handed on of a job: a folder that can be made again at any time."""
        return self.job(job) / "export"

    def archive(self, job: str, lineage: int) -> Path:
        """Where lineage number `lineage` of a job goes when it is given up."""
        return self.path / ARCHIVE / f"{job}-{lineage:03d}"

    def tracking(self, job: str) -> Path:
        """What was sent of a job's current lineage to experiment trackers."""
        return self.job(job) / "tracking"

    def curve(self, job: str) -> Path:
        """What all sessions of a job's current lineage measured, as a table."""
        return self.job(job) / "curve.csv"

    @property
    def tensorboard(self) -> Path:
        """What TensorBoard is pointed at: a folder for each job, which it shows as one run."""
        return self.path / TENSORBOARD

    def report(self, job: str) -> Path:
        """The page of a job."""
        return self.job(job) / REPORT_FILE

    @property
    def report_of_all(self) -> Path:
        """The page of all jobs."""
        return self.path / REPORT_FILE

    def learning_curve(self, job: str, suffix: str) -> Path:
        """A job's learning curve for a paper, as `svg` or `png`."""
        return self.job(job) / f"{LEARNING_CURVE}.{suffix}"

    def group_curve(self, group: str, suffix: str) -> Path:
        """The learning curve of a group of jobs, likewise; no job's folder has a dot in its name."""
        return self.path / f"{LEARNING_CURVE}.{group}.{suffix}"

    @property
    def studies(self) -> list[str]:
        """The searches of which a trial has begun, whatever jobs.yaml says."""
        try:
            return sorted(each.name for each in (self.path / STUDIES).iterdir())
        except OSError:
            return []

    def study(self, name: str) -> StudyFolder:
        """The folder of a search, whether it exists or not."""
        return StudyFolder(self.path / STUDIES / name)

    def study_report(self, study: str) -> Path:
        """The page of a search; no job's folder has a dot in its name."""
        return self.path / f"report.{study}.html"

    def lock(self, job: str) -> Path:
        """The lock that whoever works on a job holds."""
        return self.path / LOCKS / f"{job}.lock"

    def lock_holder(self, job: str) -> Path:
        """Who holds the lock."""
        return self.path / LOCKS / f"{job}.json"

    @property
    def recovering(self) -> RunsFolder:
        """Where sessions are made again, until they take their place."""
        return RunsFolder(self.path / RECOVERING)

    def damaged(self, job: str, when: str) -> Path:
        """Where `repair` puts what it replaces of a job, or of the project, when it does."""
        return self.path / DAMAGED / when / job

    def cache(self, name: str) -> Path:
        """A file that can be made again at any time."""
        return self.path / CACHE / f"{name}.json"

    @property
    def wheels(self) -> Path:
        """Wheels that sessions bring along, each below its digest."""
        return self.path / CACHE / "wheels"

    @property
    def packages_lock(self) -> Path:
        """Which wheels the packages of jobs became; beside jobs.yaml, since it is the user's to keep."""
        return self.root / PACKAGES_LOCK

    def backend(self, name: str) -> Path:
        """A folder of a backend's own."""
        return self.path / BACKENDS / name

    @property
    def graph(self) -> Path:
        """The picture of stages that `doit graph` draws."""
        return self.path / "graph.svg"


def put_away_json(folder: Path) -> Path:
    """When `fresh` gave the lineage of a folder up."""
    return folder / "put_away.json"


def sessions_below(folder: Path) -> list[SessionFolder]:
    """The sessions of a lineage, oldest first, wherever it lies."""
    try:
        names = [name for name in os.listdir(folder) if name.isdecimal()]  # noqa: PTH208 - spares a Path for each file
    except (FileNotFoundError, NotADirectoryError):  # the second: a page of `report`, beside the jobs' folders
        return []
    return [SessionFolder(folder / name) for name in sorted(names, key=int)]
