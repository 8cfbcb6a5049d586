"""What the tasks of dodo.py do. Each imports its part when it is done: a command with nothing to do needs none."""
# ruff: noqa: PLC0415 - as said above

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.workspace import LiveSession, Workspace


def package(workspace: Workspace, live: LiveSession) -> None:
    """Put everything that the session needs into one sealed folder."""
    from runner.stages import wiring

    wiring.package(workspace, live)


def execute(workspace: Workspace, live: LiveSession) -> None:
    """Run the packaged session on its backend, or attach to it."""
    from runner.stages import wiring

    wiring.execute(workspace, live)


def download(workspace: Workspace, live: LiveSession) -> None:
    """Bring what the session left to this machine, whole."""
    from runner.stages import wiring

    wiring.download(workspace, live)


def validate(workspace: Workspace, live: LiveSession) -> None:
    """Judge the artifacts one by one, without running anything that is in them."""
    from runner.stages import wiring

    wiring.validate(workspace, live)


def restore(workspace: Workspace, live: LiveSession) -> None:
    """Adopt what is sound as the parent of the next session."""
    from runner.stages import wiring

    wiring.restore(workspace, live)


def show_plan(workspace: Workspace, job: str) -> int:
    """Say what the next session of `job` would be, and why."""
    from runner.commands import plan

    return plan.show_plan(workspace, job)


def verify(workspace: Workspace, jobs: list[str]) -> None:
    """Check all that the runs of `jobs` stand on."""
    from runner.commands.mending import verify

    verify.verify(workspace, jobs)


def repair(workspace: Workspace, jobs: list[str]) -> None:
    """Mend what is broken of `jobs`, and say before what it costs."""
    from runner.commands.mending import repair

    repair.repair(workspace, jobs)


def cancel(workspace: Workspace, job: str) -> None:
    """Ask the running session of `job` to stop after a last checkpoint."""
    from runner.commands import cancel

    cancel.cancel(workspace, job)


def adopt(workspace: Workspace, job: str) -> None:
    """Make session 0001 of `job` of a checkpoint that was copied by hand."""
    from runner.commands import adopt

    adopt.adopt(workspace, job)


def calibrate(workspace: Workspace, jobs: list[str]) -> None:
    """Find out about the backends of `jobs` what only the owner of an account can."""
    from runner.commands import calibrate

    calibrate.calibrate(workspace, jobs)


def tidy(workspace: Workspace, jobs: list[str]) -> int:
    """Remove what no session of `jobs` needs, here and from their backends, where the user says so."""
    from runner.commands import tidy

    return tidy.tidy(workspace, jobs)


def collect(workspace: Workspace, job: str) -> None:
    """Look again for what the newest session of `job` left, where nothing had come."""
    from runner.commands.mending import collect

    collect.collect(workspace, job)


def recover(workspace: Workspace, job: str) -> None:
    """Make the sessions of `job` again from what its backend holds."""
    from runner.commands.mending import recover

    recover.recover(workspace, job)


def start_afresh(workspace: Workspace, job: str) -> None:
    """Archive the lineage of `job`."""
    from runner.commands import start_afresh

    start_afresh.start_afresh(workspace, job)


def tune(workspace: Workspace, study: str) -> int:
    """Have the trials of a study go on."""
    from runner.commands import tune

    return tune.tune(workspace, study)


def promote(workspace: Workspace, study: str) -> None:
    """Make the best trial of a study a job of jobs.yaml."""
    from runner.commands import promote

    promote.promote(workspace, study)


def show_status(workspace: Workspace, jobs: list[str]) -> int:
    """Show every session of `jobs` in a table."""
    from runner.commands import status

    return status.show_status(workspace, jobs)


def show_curve(workspace: Workspace, job: str) -> None:
    """Write what all sessions of `job` measured as one curve, and show it."""
    from runner.commands.showing import curve

    curve.show_curve(workspace, job)


def track(workspace: Workspace, job: str) -> None:
    """Send what is new of the curve of `job` to an experiment tracker."""
    from runner.commands.showing import track

    track.track(workspace, job)


def examine(workspace: Workspace, jobs: list[str]) -> None:
    """Check that the backends of `jobs` would take a session."""
    from runner.commands import doctor

    doctor.examine(workspace, jobs)


def report(workspace: Workspace, jobs: list[str]) -> None:
    """Write a page of each of `jobs`, and one of all."""
    from runner.commands.showing import report

    report.write_reports(workspace, jobs)


def show_history(workspace: Workspace, jobs: list[str]) -> None:
    """Say what happened to `jobs`, and when."""
    from runner.steering import history

    history.show_history(workspace, jobs)


def show_log(workspace: Workspace, job: str) -> None:
    """Show the log of a session of `job`."""
    from runner.steering import logs

    logs.show_log(workspace, job)


def draw_graph(workspace: Workspace, jobs: list[str]) -> None:
    """Draw the stages of `jobs`."""
    from runner.steering import graph

    graph.draw_graph(workspace, jobs)


def make_video(workspace: Workspace, job: str) -> None:
    """Record the best agent of `job` in a few episodes of its environment."""
    from runner.commands.showing import video

    video.make_video(workspace, job)


def export(workspace: Workspace, job: str) -> None:
    """Write what is handed on of the best agent of `job`."""
    from runner.commands.showing import export

    export.export(workspace, job)
