"""`doit track`: the curve of a job in an experiment tracker, as one run over all its sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doit import get_var

from contract.errors import InputError
from contract.events import say
from contract.plain_text import plain

if TYPE_CHECKING:
    from runner.tracking.values import Place, Tracker
    from runner.workspace import Workspace

TRACKERS = ("mlflow", "wandb")


def track(workspace: Workspace, job: str) -> None:
    """Send what is new of the curve of `job` to the tracker that the command line names.

    Raises:
        InputError: it names none, or its library is not installed.
        RelayError: it gives no answer, or a document of the job is damaged.
    """
    from runner.tracking.sending import deliver  # noqa: PLC0415 - only this command needs it
    from runner.tracking.values import Place  # noqa: PLC0415 - likewise

    wanted, place = get_var("to"), Place(workspace.runs.tracking(job))
    if wanted not in TRACKERS:
        problem = "needs the tracker to send to" if wanted is None else f"knows no tracker {wanted!r}"
        raise InputError(f"doit track:{job}", problem, f"write `doit track:{job} to=mlflow` or `to=wandb`")
    tracker = _tracker(str(wanted), place)
    if not workspace.runs.sessions(job):
        say(f"{job}: no session has begun, so there is nothing to send")
        return
    sent = deliver(workspace.runs, job, workspace.group(job), place, tracker)
    for why in sent.why_anew:
        say(plain(f"{job}: {why}: begins a new run, and the one before stays as it is"))
    for note in sent.notes:
        say(plain(f"{job}: note: {note}"))
    if not sent.where:
        say(f"{job}: no checkpoint has been adopted yet, so there is nothing to send")
        return
    reached = f"up to {sent.known.timesteps:,} timesteps, the newest checkpoint"
    say(f"{job}: {sent.points:,} new measurements {reached}, sent to {tracker.name}, run {sent.run.name}")
    say(plain(f"  {sent.where}"))


def _tracker(name: str, place: Place) -> Tracker:
    if name == "mlflow":
        from runner.tracking.mlflow import Mlflow  # noqa: PLC0415 - only where it is asked for

        return Mlflow()
    from runner.tracking.weights_and_biases import WeightsAndBiases  # noqa: PLC0415 - likewise

    return WeightsAndBiases(place)
