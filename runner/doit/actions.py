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


def show_plan(workspace: Workspace, job: str) -> None:
    """Say what the next session of `job` would be, and why."""
    from runner.commands import plan

    plan.show_plan(workspace, job)


def verify(workspace: Workspace, job: str) -> None:
    """Check that every adopted file of `job` still is what was adopted."""
    from runner.commands import verify

    verify.verify(workspace, job)


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


def tidy(workspace: Workspace, jobs: list[str]) -> None:
    """Remove from the backends of `jobs` what no session needs, once the user agrees."""
    from runner.commands import tidy

    tidy.tidy(workspace, jobs)


def collect(workspace: Workspace, job: str) -> None:
    """Look again for what the newest session of `job` left, where nothing had come."""
    from runner.commands import collect

    collect.collect(workspace, job)


def recover(workspace: Workspace, job: str) -> None:
    """Make the sessions of `job` again from what its backend holds."""
    from runner.commands import recover

    recover.recover(workspace, job)


def start_afresh(workspace: Workspace, job: str) -> None:
    """Archive the lineage of `job`."""
    from runner.commands import start_afresh

    start_afresh.start_afresh(workspace, job)


def show_status(workspace: Workspace, jobs: list[str]) -> None:
    """Show every session of `jobs` in a table."""
    from runner.commands import status

    status.show_status(workspace, jobs)


def examine(workspace: Workspace, jobs: list[str]) -> None:
    """Check that the backends of `jobs` would take a session."""
    from runner.commands import doctor

    doctor.examine(workspace, jobs)


def report(workspace: Workspace, jobs: list[str]) -> None:
    """Write a page of each of `jobs`, and one of all."""
    from runner.commands import report

    report.write_reports(workspace, jobs)
