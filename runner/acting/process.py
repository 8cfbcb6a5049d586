"""The process in which an agent acts: laid out as a session is, started, and ended in time.

What a session left is loaded nowhere else: its tensors without unpickling, and what an environment's wrappers have
learned, where the policy needs that, from the very file whose digest was adopted.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from contract.errors import InputError, RelayError, UnavailableError
from contract.trying import end_group, run_trial
from executors.local_launcher import WORKING
from runner.acting import performer
from runner.acting.order import MADE, REFUSED, ExportOrder, Order, VideoOrder
from runner.data import mounts
from runner.preflight.sandbox import lay_out, session_variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contract.trying import Course
    from runner.acting.choosing import BestAgent
    from runner.workspace import Plan, Workspace

    Made = TypeVar("Made", bound=msgspec.Struct)

LONGEST_SECONDS = 900.0
"""After which the process is ended: nobody waits longer for a minute of video."""
_OUTPUT, _ORDER = Path("made"), Path("order.json")
_OF_MODEL = ("env", "algorithm", "policy", "hyperparameters", "seed", "threads")
"""The parts of a job that a model is made by."""


@contextlib.contextmanager
def acting(
    workspace: Workspace, plan: Plan, agent: BestAgent, task: VideoOrder | ExportOrder, kind: type[Made]
) -> Iterator[tuple[Made, Path]]:
    """Yield what an agent's process has made, and the folder that holds it, which is gone afterwards.

    Args:
        workspace: the project, whose sources of now the environment is taken from.
        plan: of the job.
        agent: the model.
        task: what to make.
        kind: of the answer.

    Raises:
        RelayError: it cannot be made: the sentence says why.
    """
    training = agent.reference.training
    job: dict[str, Any] = {"name": plan.job, "total_timesteps": max(agent.reference.timesteps, 1)}
    job |= {name: training[name] for name in _OF_MODEL if name in training}
    with tempfile.TemporaryDirectory(prefix="relay-acting-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _lay_out(workspace, plan, folder)
        order = Order(
            job=job,
            model=str(agent.path.resolve()),
            sha256=agent.reference.sha256,
            output=str(folder / _OUTPUT),
            task=task,
        )
        (folder / _ORDER).write_bytes(msgspec.json.encode(order))
        yield _answer(_run(folder), str(job["env"]["id"]), kind), folder / _OUTPUT


def _lay_out(workspace: Workspace, plan: Plan, folder: Path) -> None:
    data = mounts(workspace.runs.root, plan.wanted.job)
    lay_out(folder, workspace.sources(plan).bundle(), workspace.wheels(plan, here=True), data)
    (folder / _OUTPUT).mkdir()


def _run(folder: Path) -> Course:
    # Environments that draw with pygame want a display otherwise.
    environment = {"SDL_VIDEODRIVER": "dummy", **session_variables(folder)}
    command = [sys.executable, str(Path(performer.__file__).resolve()), str(folder / _ORDER)]
    return run_trial(command, folder, folder / WORKING, environment, LONGEST_SECONDS, end_group)


def _answer(course: Course, environment_id: str, kind: type[Made]) -> Made:
    for event in reversed(course.events):
        if event.name == MADE:
            return msgspec.convert(event.values, kind)
        if event.name == REFUSED:
            raise _refusal(event.values)
    subject = f"environment {environment_id}"
    if course.code is None:
        problem = f"its agent was still acting after {course.seconds:,.0f} s"
        raise InputError(subject, problem, "shorten its episodes, for example by max_episode_steps in env.kwargs")
    said = f": {course.last_words}" if course.last_words else ""
    raise UnavailableError(subject, f"its agent's process ended with exit code {course.code}{said}", "correct that")


def _refusal(values: dict[str, Any]) -> RelayError:
    remedy = values.get("remedy")
    kind = InputError if values.get("is_input") else RelayError
    return kind(str(values["subject"]), str(values["problem"]), None if remedy is None else str(remedy))
