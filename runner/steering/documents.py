"""What `plan`, `status`, `history` and `verify` answer: `format` is 1 until a field is taken away or means otherwise.

A field may be added at any time. Timesteps count from the job's beginning, sizes are bytes, durations are seconds.
"""

from __future__ import annotations

from typing import Any

from contract.documents.typed_json import Document, Value
from runner.steering.standing import Standing  # noqa: TC001 - msgspec evaluates the annotations


class Estimate(Value, frozen=True, kw_only=True):
    """What a session to come would take.

    Args:
        timesteps: from where it begins to the goal.
        steps_per_second: as an earlier session of the job measured; None where none has.
        measured_in: that session, as `0001`.
        measured_on: its backend.
        seconds: of training, to the goal; None where no session has measured.
        sessions: that it takes, each as long as `session_limit` lets it.
        package_bytes: what the session is given.
        upload_bytes: what of it leaves this machine at most; 0 on a backend that runs here.
    """

    timesteps: int
    steps_per_second: float | None
    measured_in: str | None
    measured_on: str | None
    seconds: float | None
    sessions: int | None
    package_bytes: int
    upload_bytes: int


class PlannedRun(Value, frozen=True, kw_only=True):
    """What `run_quick` or `run_full` would do.

    Args:
        profile: `quick` or `full`.
        standing: in one word.
        decision: as `runner.planning.decide` calls it.
        sentence: the same for people, with its reason.
        goal: timesteps at which the job is done in this form.
        estimate: what the session to come would take; None where none would begin.
    """

    profile: str
    standing: Standing
    decision: str
    sentence: str
    goal: int
    estimate: Estimate | None = None


class PlannedJob(Value, frozen=True, kw_only=True):
    """What is planned for a job.

    Args:
        job: its name.
        backend: where a session of it would run; None where the job cannot be used.
        standing: of `run_full`; None where nothing can be planned.
        runs: both forms.
        waits_for_a_person: why `resume` begins no further session by itself; None where it does.
        notes: what else is to be known, a sentence each.
        problem: why nothing can be planned, or no session could train; else None.
    """

    job: str
    backend: str | None
    standing: Standing | None
    runs: tuple[PlannedRun, ...] = ()
    waits_for_a_person: str | None = None
    notes: tuple[str, ...] = ()
    problem: str | None = None


class PlanAnswer(Document, frozen=True, kw_only=True):
    """The answer of `plan`."""

    command: str = "plan"
    jobs: tuple[PlannedJob, ...]


class SessionStatus(Value, frozen=True, kw_only=True):
    """What a session came to.

    Args:
        session: its number, as `0001`.
        profile: `quick` or `full`.
        phase: how far it has come: `planned`, `packaged`, `submitted`, `executed`, `downloaded`, `validated`,
            `restored`; `perhaps submitted` where that is not known.
        begins: the timesteps that it went on from.
        reached: those of the checkpoint that the next session goes on from; None until it is restored.
        goal: timesteps that it was asked for.
        backend: where it runs or ran.
        state: how it ended there, as `COMPLETE`, `FAILED` or `CANCELLED`; None until it has.
        ending: why it ended, in a few words as in the table; None until that is known.
        reason: the same in half a sentence, as far as anybody knows.
        steps_per_second: as it measured.
        exact: whether going on from it is exact; None until it is restored.
        reasons: why it is not.
        changes: what of kaggle-relay's code changed on the way.
        best_mean_reward: of the best evaluation so far.
        removed_bytes: what `doit gc` removed of it.
    """

    session: str
    profile: str | None
    phase: str
    begins: int
    reached: int | None
    goal: int | None
    backend: str | None
    state: str | None
    ending: str | None
    reason: str | None
    steps_per_second: float | None = None
    exact: bool | None = None
    reasons: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    best_mean_reward: float | None = None
    removed_bytes: int = 0


class JobStatus(Value, frozen=True, kw_only=True):
    """Where a job stands.

    Args:
        job: its name.
        lineage: 1 for its first lineage, one more after each `fresh`.
        standing: what `run_full` would find; None where nothing can be planned.
        sentence: the same for people.
        sessions: of the lineage, oldest first.
        notes: what else is to be known, a sentence each.
        problem: why nothing can be planned; else None.
    """

    job: str
    lineage: int
    standing: Standing | None
    sentence: str | None
    sessions: tuple[SessionStatus, ...]
    notes: tuple[str, ...] = ()
    problem: str | None = None


class StudyStatus(Value, frozen=True, kw_only=True):
    """How a study stands.

    Args:
        study: its name.
        trials: how many have begun.
        planned: how many there are to be; None where jobs.yaml has the study no more.
        running, complete, pruned, failed: how many of them are so.
        best: the job of the trial that came to the most; None where none has come to its goal.
        best_value: what it came to.
        parameters: its hyperparameters, by the keys of the search.
    """

    study: str
    trials: int
    planned: int | None
    running: int = 0
    complete: int = 0
    pruned: int = 0
    failed: int = 0
    best: str | None = None
    best_value: float | None = None
    parameters: dict[str, Any] | None = None


class StatusAnswer(Document, frozen=True, kw_only=True):
    """The answer of `status`.

    Args:
        jobs: of jobs.yaml, or those that were asked for.
        left: jobs that have sessions here and are not in jobs.yaml any more, where all were asked for.
    """

    command: str = "status"
    jobs: tuple[JobStatus, ...]
    studies: tuple[StudyStatus, ...] = ()
    left: tuple[str, ...] = ()


class Happening(Value, frozen=True, kw_only=True):
    """Something that happened to a job.

    Args:
        at: when, in UTC, ISO 8601; None where nothing tells.
        job: its name.
        lineage: 1 for its first lineage, one more after each `fresh`.
        session: its number, as `0001`; None of what happened to a lineage as a whole.
        kind: `begun`, `redone`, `fell back`, `changed`, `running`, `ended`, `refused`, `approximate`, `removed`,
            `put away` or `unreadable`.
        sentence: for people.
    """

    at: str | None
    job: str
    lineage: int
    session: str | None
    kind: str
    sentence: str


class HistoryAnswer(Document, frozen=True, kw_only=True):
    """The answer of `history`: by time, and within a job in the order in which one thing followed from another."""

    command: str = "history"
    happenings: tuple[Happening, ...]


class Counts(Value, frozen=True, kw_only=True):
    """How many findings there are of each level."""

    success: int
    warning: int
    issue: int
    skipped: int


class Found(Value, frozen=True, kw_only=True):
    """One thing that was looked at.

    Args:
        kind: the check that looked: `installation`, `folders`, `checkpoints`, `lineages`, `resuming` or `backends`.
        level: `success`, `warning`, `issue` or `skipped`.
        what: what was looked at and found, for people.
        reason: of a warning or an issue, what it means; of something skipped, why.
        next_command: what to type or do next.
    """

    kind: str
    level: str
    what: str
    reason: str | None
    next_command: str | None


class VerifyAnswer(Document, frozen=True, kw_only=True):
    """The answer of `verify`.

    Args:
        verified: whether there is no issue in what was looked at.
        kinds: the checks that were made: all, or those that `only` names.
        counts: of the findings.
        findings: each, in the order in which it was made.
    """

    command: str = "verify"
    verified: bool
    kinds: tuple[str, ...]
    counts: Counts
    findings: tuple[Found, ...]
