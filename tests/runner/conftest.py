"""Sessions as the stages leave them on disk, without training anything."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml

from contract.documents.runs import Identity, Inputs, Request
from contract.documents.trial import Memory, Tried
from contract.identity import training_inputs
from contract.libraries import library_versions
from contract.storage import files
from job.model import parse_job
from runner.backends.registry import sections
from runner.jobs.sections import job_with
from runner.layout import RunsFolder, SessionFolder
from runner.lineage import Lineage, Phase, read_lineage
from runner.planning.wanted import Profile, Wanted
from runner.sources import digest_meaning
from tests.project import cart_pole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contract.documents.runs import CheckpointReference
    from runner.workspace import Workspace

JOB = "cart"
LIBRARIES = library_versions()
SOURCES = Identity(content="c" * 64, meaning="e" * 64, python="3.12")
CODE = Identity(content="d" * 64, meaning="f" * 64, python="3.12")
INPUTS = Inputs(training={}, sources=SOURCES, code=CODE)


def job_json(name: str = JOB, **changes: Any) -> dict[str, Any]:
    """A job as jobs.yaml's reader hands it over; its quick block is dropped."""
    values = {key: value for key, value in cart_pole(**changes).items() if key != "quick"}
    return parse_job(values | {"name": name}, job_with(sections())).model_dump(mode="json")


def wanted(job: dict[str, Any] | None = None, profile: Profile = "full", **changes: Any) -> Wanted:
    """What a command asks for; 256 timesteps unless the job says otherwise."""
    fields: dict[str, Any] = {"sources": SOURCES, "code": CODE, "libraries": LIBRARIES}
    return Wanted(job=job or job_json(), profile=profile, **{**fields, **changes})


def asked(**changes: Any) -> Request:
    """What session 0001 of a job is asked for, from no parent."""
    request = Request(job=JOB, lineage=1, session="0001", profile="full", goal=256, parent=None)
    return msgspec.structs.replace(request, **changes)


def write(path: Path, value: Any) -> None:
    """Write JSON without waiting for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(msgspec.to_builtins(value)), encoding="utf-8")


class JobOnDisk:
    """The sessions of one job, written as the stages would.

    Args:
        root: the project's folder.
        name: the job's name.
    """

    def __init__(self, root: Path, name: str = JOB) -> None:
        self.runs = RunsFolder(root)
        self.name = name

    @property
    def lineage(self) -> Lineage:
        """What stands on disk."""
        return read_lineage(self.runs, self.name)

    def checkpoint(self, session: int, timesteps: int, job: dict[str, Any] | None = None) -> dict[str, Any]:
        """A checkpoint of a session: its file, and the reference by which it is adopted."""
        folder = self.runs.session(self.name, session)
        path = folder.artifacts / "checkpoints" / f"{self.name}_checkpoint_{timesteps}_steps.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"checkpoint at {timesteps}".encode())
        return {
            "session": folder.number,
            "file": path.relative_to(self.runs.job(self.name)).as_posix(),
            "timesteps": timesteps,
            "bytes": path.stat().st_size,
            "sha256": files.sha256_of_file(path),
            "training": training_inputs(job or job_json(self.name)),
            "libraries": LIBRARIES,
            "resume": {"exact": True, "reasons": []},
            "mean_reward": 20.0,
            "best_mean_reward": 21.5,
        }

    def add(
        self,
        phase: Phase,
        *,
        timesteps: int | None = None,
        parent: dict[str, Any] | CheckpointReference | None = None,
        job: dict[str, Any] | None = None,
        **changes: Any,
    ) -> SessionFolder:
        """One more session that has come as far as `phase`.

        Args:
            phase: its newest document.
            timesteps: of the checkpoint of its own, if it left one.
            parent: the reference of the checkpoint that it went on from.
            job: as it was packaged.
            changes: `profile`, `goal`, `sources`, `code`, `key`, `execution`, `outcome`, `fallbacks`, `ledger`,
                `rules`.
        """
        number = sum(each.request.exists() for each in self.runs.sessions(self.name)) + 1
        folder = self.runs.session(self.name, number)
        folder.path.mkdir(parents=True, exist_ok=True)
        job = job or job_json(self.name)
        key = changes.get("key", f"{number:064x}")
        went_on = msgspec.to_builtins(parent)
        checkpoint = went_on if timesteps is None else self.checkpoint(number, timesteps, job)
        documents = {
            Phase.PACKAGED: (
                folder.package_json,
                {
                    "format": 1,
                    "key": key,
                    "job": job,
                    "inputs": {
                        "training": training_inputs(job),
                        "sources": changes.get("sources", SOURCES),
                        "code": changes.get("code", CODE),
                    },
                    "files": {},
                },
            ),
            Phase.SUBMITTED: (
                folder.ledger_json,
                {
                    "format": 1,
                    "key": key,
                    "backend": "local",
                    "entry": "SUBMITTED",
                    "handle": key,
                    "cancel_requested": False,
                }
                | changes.get("ledger", {}),
            ),
            Phase.EXECUTED: (
                folder.execution_json,
                {
                    "format": 1,
                    "key": key,
                    "backend": "local",
                    "handle": key,
                    "state": "COMPLETE",
                    "exit_code": 0,
                    "reason": None,
                    "cancel_requested": False,
                }
                | changes.get("execution", {}),
            ),
            Phase.DOWNLOADED: (folder.manifest_json, {"format": 1, "key": key, "files": {}}),
            Phase.VALIDATED: (folder.report_json, {"format": 1, "key": key}),
            Phase.RESTORED: (
                folder.restored_json,
                {
                    "format": 1,
                    "session": folder.number,
                    "key": key,
                    "checkpoint": checkpoint,
                    "fallbacks": changes.get("fallbacks", []),
                    "best_model": None,
                    "outcome": changes.get("outcome", {}),
                    "rules": changes.get("rules", {}),
                },
            ),
        }
        went_on_from = {key: went_on[key] for key in ("session", "timesteps", "sha256")} if went_on else None
        request = {
            "format": 1,
            "job": self.name,
            "lineage": 1,
            "session": folder.number,
            "profile": changes.get("profile", "full"),
            "goal": changes.get("goal", job["total_timesteps"]),
            "parent": went_on_from,
        }
        write(folder.request, request)
        for written in Phase:
            if Phase.PLANNED < written <= phase:
                write(*documents[written])
        return folder


def write_jobs(root: Path, **jobs: dict[str, Any]) -> None:
    """Write jobs.yaml."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "jobs.yaml").write_text(yaml.safe_dump({"jobs": jobs}), encoding="utf-8")


def as_wanted(workspace: Workspace, job: str = JOB, profile: Profile = "full") -> dict[str, Any]:
    """The arguments of `JobOnDisk.add` for a session that is up to date in `workspace`."""
    now = workspace.plan(job, profile).wanted
    return {"job": now.job, "profile": profile, "sources": now.sources, "code": now.code, "rules": now.rules}


@pytest.fixture(autouse=True, scope="session")
def each_source_is_parsed_once() -> Iterator[None]:
    """Spare the tests that read the trainer's sources again and again most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runner.sources.reading.digest_meaning", functools.cache(digest_meaning))
        yield


FITS = Tried(
    observation_space={"text": "Box(4,)"},
    action_space={"text": "Discrete(2)"},
    parameters={"w": (8,)},
    memory=Memory(replay=0, rollout=0, networks=0),
)
"""What is found of a job that is as it should be."""


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Spare the tests that are about something else the seconds of a trial; the jobs that would have been tried.

    `tests/runner/preflight` has real ones.
    """
    jobs: list[str] = []

    def try_job(job: dict[str, Any], *_more: object) -> Tried:
        jobs.append(job["name"])
        return FITS

    monkeypatch.setattr("runner.preflight.trial.try_job", try_job)
    return jobs


@pytest.fixture
def cart(tmp_path: Path) -> JobOnDisk:
    """A job without any session yet."""
    return JobOnDisk(tmp_path)
