"""What the relay adds to training: the shipped job in one session, in several, and in plain Stable-Baselines3.

    python bench/training.py                          20,000 timesteps, without evaluations
    python bench/training.py --evaluation shipped     with the job's evaluations (SB3's EvalCallback beside ours)
    python bench/training.py --breakdown              where a session's time goes, instead

Every way trains the job of jobs.yaml with its environments, wrappers and hyperparameters to the same
goal, in a process of its own, and its time is that of the whole command: start of Python, import of
torch and, for the relay, every stage from the package to the restored checkpoint. The several
sessions are forced by raising the goal of jobs.yaml step by step, with `doit resume` after each.
"""
# ruff: noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measuring.clock import CommandError, Sample, adopt_orphans, run_timed
from measuring.graphs import CODE, project_path, write_project
from measuring.tables import Series, comparison, note, paired_ratio, publish, table, write_raw

from contract.errors import InputError
from contract.storage.layout import JOB_FILE
from runner.backends.registry import sections
from runner.jobs.file import load_jobs
from runner.layout import JOBS_FILE, RunsFolder

if TYPE_CHECKING:
    from collections.abc import Callable

JOB: Final = "traffic_light_control"
PLAIN_TRAINING: Final = "measuring.plain_training"
BREAKDOWN: Final = "measuring.breakdown"
GOAL_OF_OVERHEAD: Final = 1.02
GOAL_OF_SESSION_SECONDS: Final = 3.0
ONE_SESSION: Final = "relay, one session"
BASE: Final = "plain SB3, 1 thread"
DEFAULT_THREADS: Final = "plain SB3, torch's default"


@dataclass(frozen=True)
class Course:
    """What is trained.

    Args:
        job: the shipped job as JSON, with the goal and the evaluations of this benchmark.
        sessions: how many sessions share the goal where it is shared.
    """

    job: dict[str, Any]
    sessions: int

    @property
    def goal(self) -> int:
        """Timesteps to train."""
        return int(self.job["total_timesteps"])

    def entry(self, goal: int) -> dict[str, Any]:
        """The job with another goal, as an entry of jobs.yaml."""
        return {key: value for key, value in self.job.items() if key != "name"} | {"total_timesteps": goal}


def main() -> None:
    """Measure, and print the report."""
    options = _options()
    course = Course(shipped_job(options.timesteps, evaluates=options.evaluation == "shipped"), options.sessions)
    with tempfile.TemporaryDirectory(prefix="relay-bench-", ignore_cleanup_errors=True) as name:
        if options.breakdown:
            publish(break_down(Path(name), course))
            return
        adopt_orphans()
        series = measure(Path(name), course, options.rounds)
    about = f"{course.goal:,} timesteps of {JOB}, evaluations {options.evaluation}"
    publish(f"### {about}")
    publish(comparison(series, next(each for each in series if each.name == BASE)))
    publish(goals({each.name: each for each in series}, course))
    raw = {"benchmark": "training", "about": about, "sessions": course.sessions}
    write_raw(options.json, {**raw, "series": [each.as_json() for each in series]})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the relay adds to training.")
    parser.add_argument("--timesteps", type=int, default=20_000, help="the goal")
    parser.add_argument("--sessions", type=int, default=5, help="sessions that share it in the run of several")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each way")
    parser.add_argument(
        "--evaluation", choices=("off", "shipped"), default="off", help="evaluations, in all ways alike"
    )
    parser.add_argument("--breakdown", action="store_true", help="show where a session's time goes, and end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the raw numbers")
    return parser.parse_args()


def shipped_job(goal: int, *, evaluates: bool) -> dict[str, Any]:
    """The shipped job with another goal; how often it saves follows from that goal in every way."""
    shipped = load_jobs(CODE / JOBS_FILE, sections())[JOB]
    if isinstance(shipped, InputError):
        raise shipped
    job = shipped.full
    save_frequency = job.model_copy(update={"total_timesteps": goal}).save_frequency
    values = job.model_dump(mode="json") | {"total_timesteps": goal, "save_freq": save_frequency}
    if not evaluates:
        values["eval"] = {"frequency": 0}
    return values


def measure(folder: Path, course: Course, rounds: int) -> list[Series]:
    """Run the ways in turns, after a short warm-up; each round starts with another one."""
    job_file = folder / JOB_FILE
    job_file.write_text(json.dumps(course.job), encoding="utf-8")

    def plain(threads: int | None) -> Callable[[Path], Sample]:
        return lambda _: train_plainly(job_file, course.goal, threads)

    ways: dict[str, Callable[[Path], Sample]] = {
        BASE: plain(1),
        ONE_SESSION: lambda project: train_in_sessions(project, course, 1),
        f"relay, {course.sessions} sessions": lambda project: train_in_sessions(project, course, course.sessions),
        DEFAULT_THREADS: plain(None),
    }
    note("warming up")
    train_in_sessions(folder / "warm-up", Course(course.job | {"total_timesteps": 200}, 1), 1)
    series = {name: Series(name) for name in ways}
    for number in range(rounds):
        for name in ways if number % 2 == 0 else reversed(ways):
            if name == DEFAULT_THREADS and number > 0:
                continue  # with many threads it may take minutes
            note(f"round {number + 1} of {rounds}: {name}")
            series[name].samples.append(ways[name](folder / f"{number} {name}"))
    return list(series.values())


def break_down(folder: Path, course: Course) -> str:
    """Tables of where a session's time goes, from a process of its own."""
    job_file = folder / JOB_FILE
    job_file.write_text(json.dumps(course.job), encoding="utf-8")
    return run_timed((sys.executable, "-m", BREAKDOWN, str(job_file)), folder, project_path()).output.strip()


def train_plainly(job_file: Path, goal: int, threads: int | None) -> Sample:
    """Train with Stable-Baselines3 alone."""
    chosen = ("--threads", str(threads)) if threads else ()
    command = (sys.executable, "-m", PLAIN_TRAINING, str(job_file), *chosen)
    timed = run_timed(command, job_file.parent, project_path())
    reached = json.loads(timed.output.splitlines()[-1])["timesteps"]
    if reached < goal:
        raise CommandError(f"plain training ended at {reached:,} timesteps")
    return timed.sample


def train_in_sessions(project: Path, course: Course, sessions: int) -> Sample:
    """Train with the relay on the local backend, in a new project; the sum over its commands."""
    samples = []
    for number in range(1, sessions + 1):
        goal = course.goal * number // sessions
        write_project(project, {JOB: course.entry(goal)})
        timed = run_timed((sys.executable, "-m", "doit", "resume"), project, project_path())
        if f"reached {goal:,} of {goal:,} timesteps: goal met" not in timed.output:
            raise CommandError(f"the relay ended elsewhere:\n{timed.output[-2000:]}")
        samples.append(timed.sample)
    if (found := len(RunsFolder(project).sessions(JOB))) != sessions:
        raise CommandError(f"{found} sessions instead of {sessions}")
    return Sample(sum(each.wall for each in samples), sum(each.cpu for each in samples))


def goals(series: dict[str, Series], course: Course) -> str:
    """The goals, and what was measured."""
    one, several = series[ONE_SESSION], series[f"relay, {course.sessions} sessions"]
    ratio = paired_ratio(one.walls, series[BASE].walls) or 0.0
    rows = [["one session / plain SB3", f"at most {GOAL_OF_OVERHEAD}", f"{ratio:.3f}"]]
    if course.sessions > 1:
        more = [(each - other) / (course.sessions - 1) for each, other in zip(several.walls, one.walls, strict=True)]
        rows.append(
            ["each further session", f"at most {GOAL_OF_SESSION_SECONDS} s", f"{statistics.median(more):.2f} s"]
        )
    return table(["wall time, median of rounds", "goal", "measured"], rows)


if __name__ == "__main__":
    main()
