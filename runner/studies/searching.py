"""A search, from trial to trial, so that a kill between any two writes loses no trial and repeats none.

What happens to a trial is written in this order: Optuna's journal has its values; its own file has its job; then its
sessions begin. At its end its own file says how it ended; then Optuna is told. So whoever goes on finds at most one
thing of a trial that is written and not yet told, and tells it (`_catch_up`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from contract.errors import InputError, RelayError
from contract.events import say
from contract.plain_text import one_line
from job.problems import InvalidJobError
from runner.backends.registry import sections
from runner.jobs.sections import job_with
from runner.studies import judging, records, summary
from runner.studies.journal import Journal
from runner.studies.reading import trial_job
from runner.studies.sessions import Stand
from runner.studies.values import Founding, Outcome, Pruning, Trial

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import RunsFolder
    from runner.studies.sessions import Sessions
    from runner.studies.values import Study

FIRST_FAILURES = 3
"""Trials in a row, before any has come to a value, after whose failure no further one is begun."""


class Search:
    """A study whose trials go on.

    Args:
        runs: where its trials are.
        study: as jobs.yaml states it.
        sessions: has the trials' jobs go on.

    Raises:
        RelayError: the study is another one than that whose trials are there, or its files are damaged.
    """

    def __init__(self, runs: RunsFolder, study: Study, sessions: Sessions) -> None:
        self._study = study
        self._sessions = sessions
        self._folder = runs.study(study.name)
        self._model = job_with(sections())
        self._at_rest: dict[str, str] = {}
        self._failures = 0
        self._trials: dict[int, Trial] = {each.number: each for each in records.trials(self._folder)}
        _found(Founding(comparable=study.comparable), self._folder.founding, study.name)
        self._journal = Journal(self._folder, study)
        self._catch_up()

    @property
    def trials(self) -> list[Trial]:
        """All that have begun, in order."""
        return [self._trials[number] for number in sorted(self._trials)]

    @property
    def resting(self) -> dict[str, str]:
        """The trials that somebody has asked to stop, and the words that say so."""
        return self._at_rest

    def tick(self) -> bool:
        """Have each trial go on by what can be done now, and begin as many as there is room for.

        Returns whether a trial goes on by itself, so that it is worth looking again.

        Raises:
            RelayError: something is wrong that is no fault of a trial.
        """
        going_on = [each for each in self.trials if each.outcome is None and each.name not in self._at_rest]
        self._sessions.look([each.name for each in going_on])
        for trial in going_on:
            self._go_on(trial)
        while len(self._trials) < self._study.trials and not self.is_stuck and self._open() < self._study.at_once:
            self._go_on(self._begin())
        return self._open() > len(self._at_rest)

    @property
    def is_stuck(self) -> bool:
        """Whether one trial after the other has failed, and none has come to a value yet."""
        return self._failures >= FIRST_FAILURES and not any(
            trial.outcome is not None and trial.outcome.state != "failed" for trial in self.trials
        )

    def _open(self) -> int:
        """How many trials have begun and not ended."""
        return sum(trial.outcome is None for trial in self.trials)

    def _begin(self) -> Trial:
        """One more trial: its values chosen, and its job written down."""
        asked = self._journal.ask()
        trial = self._write_down(asked.number, asked.parameters)
        say(f"{trial.name}: {summary.parameters(trial.parameters)}")
        return trial

    def _write_down(self, number: int, parameters: dict[str, Any]) -> Trial:
        trial = Trial(study=self._study.name, number=number, parameters=parameters, job="")
        return self._write(trial, job=self._job(trial))

    def _write(self, trial: Trial, **changes: Any) -> Trial:
        written = records.write_trial(self._folder, msgspec.structs.replace(trial, **changes))
        self._trials[trial.number] = written
        return written

    def _job(self, trial: Trial) -> dict[str, dict[str, Any]] | str:
        """The job of a trial, or why its values make none."""
        try:
            return trial_job(self._study, trial.name, trial.parameters, self._model)
        except InvalidJobError as error:
            return str(error)

    def _go_on(self, trial: Trial) -> None:
        """Have a trial go on until it has ended, or nothing more of it can be done now."""
        if isinstance(trial.job, str):
            self._end(trial, Outcome(state="failed", why=trial.job))
            return
        while True:
            went = self._sessions.advance(trial.name, begins=trial.pruning is None)
            trial = self._judge(trial)
            if went.stand is Stand.ENDED:
                continue
            if went.stand is Stand.UNDER_WAY:
                return
            if trial.pruning is not None or went.stand is Stand.MET:
                self._end(trial, self._outcome(trial))
            elif went.stand is Stand.STUCK:
                self._end(trial, Outcome(state="failed", timesteps=self._reached(trial), why=one_line(went.why)))
            else:
                self._at_rest[trial.name] = went.why
            return

    def _judge(self, trial: Trial) -> Trial:
        """Tell Optuna of what was evaluated since the last look; one that is worse than others is asked to stop."""
        for each in [] if trial.pruning is not None else self._unreported(trial):
            say(f"{trial.name}: {each.value:,.1f} in the evaluation at {each.timesteps:,} timesteps")
            if self._journal.prunes(trial.number, each.due, each.value):
                pruning = Pruning(timesteps=each.timesteps, why=self._why_pruned(trial, each))
                trial = self._write(trial, pruning=pruning)
                say(f"{trial.name}: is pruned, {pruning.why}")
            self._journal.report(trial.number, each.due, each.value)
            if trial.pruning is not None:
                break
        if trial.pruning is not None:
            self._sessions.stop(trial.name)
        return trial

    def _unreported(self, trial: Trial) -> list[judging.Evaluated]:
        """The evaluations of a trial that Optuna is yet to be told of: up to where it was pruned, if it was."""
        until = trial.pruning.timesteps if trial.pruning is not None else None
        found = [each for each in self._evaluations(trial) if until is None or each.timesteps <= until]
        return judging.unreported(found, self._journal.reported(trial.number))

    def _why_pruned(self, trial: Trial, at: judging.Evaluated) -> str:
        if self._study.pruner.kind != "median":
            return f"as {at.value:,.1f} at {at.timesteps:,} timesteps is not among the best there, which go on"
        best = judging.value(self._evaluations(trial), "best", at.timesteps)
        by = f"as its best by {at.timesteps:,} timesteps, {best:,.1f}"
        return f"{by}, is less than the median of the complete trials"

    def _outcome(self, trial: Trial) -> Outcome:
        """How a trial ended that was pruned, or met its goal."""
        pruning = trial.pruning
        until = pruning.timesteps if pruning is not None else None
        came_to, reached = judging.value(self._evaluations(trial), self._study.metric, until), self._reached(trial)
        if came_to is None:
            return Outcome(state="failed", timesteps=reached, why="it was never evaluated")
        if pruning is not None:
            return Outcome(state="pruned", value=came_to, timesteps=reached, why=pruning.why)
        return Outcome(state="complete", value=came_to, timesteps=reached)

    def _end(self, trial: Trial, outcome: Outcome) -> None:
        """Write down how a trial ended, and tell Optuna."""
        self._tell(self._write(trial, outcome=outcome), outcome)
        self._sessions.let_go(trial.name)
        self._failures = self._failures + 1 if outcome.state == "failed" else 0
        if outcome.state == "failed":
            say(f"{trial.name}: failed: {outcome.why}")
        elif outcome.state == "complete":
            say(f"{trial.name}: complete, its {self._study.metric} evaluation is {outcome.value:,.1f}")

    def _tell(self, trial: Trial, outcome: Outcome) -> None:
        for each in self._unreported(trial):
            self._journal.report(trial.number, each.due, each.value)
        self._journal.tell(trial.number, outcome)

    def _evaluations(self, trial: Trial) -> list[judging.Evaluated]:
        return self._sessions.evaluated(trial.name, self._study.frequency)

    def _reached(self, trial: Trial) -> int:
        return self._sessions.reached(trial.name)

    def _catch_up(self) -> None:
        """Bring the trials' files and Optuna's journal to the same, whatever a command before was cut off at."""
        count = len(self._journal.trials)
        for trial in self.trials[count:]:  # the journal is gone, or is older than they are
            if trial.number != count:
                lost = str(self._folder.trial(count))
                raise RelayError(lost, "is missing, and Optuna's journal has nothing of it", "restore one of the two")
            self._journal.know(trial.parameters)
            count += 1
        for each in self._journal.trials:
            trial = self._trials.get(each.number) or self._write_down(each.number, each.parameters)
            if trial.outcome is None and each.outcome is not None:
                told = msgspec.structs.replace(each.outcome, why="another program has told Optuna so")
                self._write(trial, outcome=told)
            elif trial.outcome is None:
                self._journal.settle(trial.number)
                self._renew(trial)
            elif each.outcome is None:
                self._tell(trial, trial.outcome)

    def _renew(self, trial: Trial) -> None:
        """Let a trial that goes on have what jobs.yaml says now of how its sessions run; its values stay."""
        if (job := self._job(trial)) != trial.job:
            self._write(trial, job=job)


def _found(now: Founding, path: Path, name: str) -> None:
    """Have a study be what it was when its trials began.

    Raises:
        InputError: it is another one.
    """
    before = Founding.read_if_there(path)
    if before is None:
        now.write(path)
        return
    keys = {*before.comparable, *now.comparable}
    changed = sorted(key for key in keys if before.comparable.get(key) != now.comparable.get(key))
    if changed:
        problem = f"has other values of {', '.join(changed)} than when its trials began, which cannot be compared then"
        raise InputError(f"study {name}", problem, "put them back, or give the study another name")
