"""The folder that is handed on, put together aside and put in its place as a whole."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from contract.storage import files
from job.model import parse_job, session_part
from runner.acting.order import ONNX_FILE, STATISTICS_FILE
from runner.export.card import CARD, JOB, RESULTS, VERSIONS, Handed, card
from runner.lineage import SessionState, read_lineage
from runner.pictures.encoding import shows

if TYPE_CHECKING:
    from runner.acting.choosing import BestAgent
    from runner.acting.order import Exported
    from runner.layout import RunsFolder

VIDEO_SUFFIXES = (".mp4", ".gif")
_OF_THIS_MACHINE = ("backend", "name")
"""Keys of a job that say nothing of what was learned."""


def write_folder(runs: RunsFolder, job: str, agent: BestAgent, made: Exported, output: Path) -> Handed:
    """Write `runs/<job>/export/` anew; return what is in it.

    Args:
        runs: the project's.
        job: the job's name.
        agent: the model.
        made: what its process found.
        output: the folder with what its process wrote.
    """
    video = find_video(runs, job, agent)
    handed = _handed(runs, job, agent, made, video)
    target = runs.export(job)
    with tempfile.TemporaryDirectory(prefix=files.TEMPORARY_PREFIX, dir=target.parent) as name:
        new, old = Path(name, "new"), Path(name, "old")
        new.mkdir()
        shutil.copyfile(agent.path, new / handed.model)  # no second name of it: this folder is for others to change
        if video is not None and handed.video is not None:
            shutil.copyfile(video, new / handed.video)
        if not isinstance(made.onnx, str):
            shutil.copyfile(output / ONNX_FILE, new / ONNX_FILE)
        if made.has_statistics:
            shutil.copyfile(output / STATISTICS_FILE, new / STATISTICS_FILE)
        files.write_json(new / RESULTS, _results(handed))
        files.write_json(new / VERSIONS, {"training": handed.versions, "export": made.libraries})
        files.write_bytes(new / JOB, handed.yaml.encode())
        files.write_bytes(new / CARD, card(handed).encode())
        if target.exists():
            target.rename(old)
        new.rename(target)
        files.fsync_directory(target.parent)
    return handed


def find_video(runs: RunsFolder, job: str, agent: BestAgent) -> Path | None:
    """The video of that very agent, if there is one."""
    found = (runs.best_agent(job, suffix) for suffix in VIDEO_SUFFIXES)
    return next((each for each in found if each.is_file() and shows(each, agent.reference.sha256)), None)


def _handed(runs: RunsFolder, job: str, agent: BestAgent, made: Exported, video: Path | None) -> Handed:
    reference = agent.reference
    module, _, environment = str(reference.training["env"]["id"]).rpartition(":")
    plain_name = environment.replace("/", "-")
    resume = reference.resume
    return Handed(
        job=job,
        environment=environment,
        module=module or None,
        algorithm=agent.algorithm,
        is_best=agent.is_best,
        timesteps=reference.timesteps,
        sessions=sum(each.number <= int(reference.session) for each in read_lineage(runs, job).sessions),
        exact="bit for bit as without an interruption"
        if resume.exact
        else f"approximately: {'; '.join(resume.reasons)}",
        yaml=yaml.safe_dump({"jobs": {job: _stated(runs, job, agent)}}, sort_keys=False, allow_unicode=True),
        model=f"{agent.algorithm.lower()}-{plain_name}.zip",
        video=None if video is None else f"replay{video.suffix}",
        versions=reference.libraries,
        made=made,
    )


def _stated(runs: RunsFolder, job: str, agent: BestAgent) -> dict[str, Any]:
    """The job of the session that made the model, as jobs.yaml would state it, without what goes without saying."""
    packaged = SessionState(runs.session(job, int(agent.reference.session))).package.job
    stated = parse_job(session_part(packaged)).model_dump(mode="json", exclude_defaults=True)
    return {name: value for name, value in stated.items() if name not in _OF_THIS_MACHINE}


def _results(handed: Handed) -> dict[str, Any]:
    made = handed.made
    measured = {"mean_reward": handed.mean_reward, "std_reward": handed.std_reward} if made.rewards else {}
    return measured | {
        "is_deterministic": True,
        "n_eval_episodes": len(made.rewards),
        "eval_datetime": datetime.now(UTC).isoformat(timespec="seconds"),
        "env_id": handed.environment,
        "rewards": list(made.rewards),
        "lengths": list(made.lengths),
        "seed": made.seed,
    }
