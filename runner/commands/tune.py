"""`doit tune`: the trials of a study, one after the other or several at a time, until all have ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from contract.errors import RelayError, UnderWayError
from contract.events import say
from runner.commands.saying import AlreadySaidError
from runner.extras import have
from runner.lock import held
from runner.studies import records, summary
from runner.studies.driving import Driver

if TYPE_CHECKING:
    from runner.studies.searching import Search
    from runner.studies.values import Study
    from runner.workspace import Workspace

POLL_SECONDS, LONGEST_POLL_SECONDS = 0.1, 5.0


def tune(workspace: Workspace, name: str) -> int:
    """Have the trials of a study go on to their end; where nobody waits, by what can be done now.

    Returns the exit code: 0, or that of what goes on by itself.

    Raises:
        RelayError: no trial has come to a value, or something is wrong that is no trial's fault.
    """
    study = workspace.jobs_file.study(name)
    have("a study", ["optuna"], "tune")
    from runner.studies.searching import Search  # noqa: PLC0415 - only this command needs Optuna

    command = f"doit tune:{name}"
    steps = workspace.reopened()
    steps.waits = False
    with (
        held(workspace.runs, name, command),
        Driver(steps, command, waits=workspace.waits) as driver,
    ):
        search = Search(steps.runs, study, driver)
        pause, before = POLL_SECONDS, search.trials
        while (goes_on := search.tick()) and workspace.waits:
            pause = min(LONGEST_POLL_SECONDS, pause * 1.1) if search.trials == before else POLL_SECONDS
            before = search.trials
            time.sleep(pause)
    return _ending(workspace, study, search, goes_on=goes_on)


def _ending(workspace: Workspace, study: Study, search: Search, *, goes_on: bool) -> int:
    """Say how the study stands, and return the exit code."""
    trials = records.trials(workspace.runs.study(study.name))
    say(summary.sentence(study.name, trials, study.trials))
    best = summary.best(trials)
    if best is not None:
        say(f"{best.name}: {summary.parameters(best.parameters)}; `doit promote:{study.name}` makes a job of it")
    if goes_on:
        say(f"study {study.name}: its trials go on; the same command later goes on with them")
        return UnderWayError.exit_code
    if search.resting:
        for name, why in search.resting.items():
            say(f"{name}: {why}")
        raise AlreadySaidError(f"study {study.name}", "a trial was asked to stop", f"`doit tune:{study.name}` goes on")
    if search.is_stuck:
        last = trials[-1].outcome
        problem = f"its first {len(trials)} trials failed, the last since {last.why if last is not None else ''}"
        remedy = f"correct that, and `doit tune:{study.name}` tries further ones"
        raise RelayError(f"study {study.name}", problem, remedy)
    if best is None:
        raise RelayError(f"study {study.name}", "none of its trials came to its goal", f"see {_page(study.name)}")
    return 0


def _page(study: str) -> str:
    return f"`doit report`, which writes a page of study {study}"
