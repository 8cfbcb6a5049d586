"""What a doit command line asks for, before the task graph is drawn.

The session to come depends on the profile (`run_quick` plans another one than `run_full`), so the
graph can only be drawn once it is known which was asked for.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, NamedTuple

from contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.planning.wanted import Profile

PROFILES: dict[str, Profile] = {"run_quick": "quick", "run_full": "full", "resume": "full", "redo": "full"}
DEFAULT_TASK = "run_full"
STAGES = ("package", "execute", "download", "validate", "restore")
HOLDING_TASKS = frozenset({*PROFILES, *STAGES, "fresh", "collect", "recover", "adopt", "repair"})
"""Tasks that change a job's sessions, and hold the job meanwhile."""

TASKS_ABOUT_ALL = frozenset({"status", "doctor", "calibrate", "gc", "report", "history", "graph", "verify", "repair"})
_TASKS_ABOUT_ONE = frozenset(
    {"plan", "logs", "fresh", "curve", "track", "cancel", "collect", "recover", "adopt", "video", "export"}
)
TASKS_WITH_JOBS = frozenset({*PROFILES, *TASKS_ABOUT_ALL, *_TASKS_ABOUT_ONE})
TASKS_WITH_STUDIES = frozenset({"tune", "promote"})
WAITING_TASKS = (*PROFILES, "tune")
"""Tasks that wait for sessions to end, unless they are told not to."""
_TASKS_WITH_NAMES = TASKS_WITH_JOBS | TASKS_WITH_STUDIES
_TASKS_ABOUT_TRIALS = frozenset({"verify", "repair", "gc", "cancel"})
"""Tasks that take in the trials of studies where no job is named; to all others these are jobs by name alone."""


class Selection(NamedTuple):
    """What was asked for.

    Args:
        asked: the tasks as they were asked for, `task` or `task:job`.
        profile: which of each job's two forms the session to come has.
        chains: whether to go on session after session.
        command: as the user would write it again.
    """

    asked: tuple[str, ...]
    profile: Profile
    chains: bool
    command: str

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks as doit is to run them; one that is about all jobs at once has no sub-tasks."""
        return tuple(name if (name := task.split(":")[0]) in TASKS_ABOUT_ALL else task for task in self.asked)

    @property
    def names(self) -> frozenset[str]:
        """The tasks, without the jobs."""
        return frozenset(task.split(":")[0] for task in self.asked)

    @property
    def holds_jobs(self) -> bool:
        """Whether the jobs must be held while it runs."""
        return not self.names.isdisjoint(HOLDING_TASKS)

    @property
    def archives(self) -> bool:
        """Whether it gives lineages up."""
        return "fresh" in self.names

    @property
    def changes_what_is_done(self) -> bool:
        """Whether it may change the sessions of a job that has met its goal."""
        return not self.names.isdisjoint({"fresh", "recover", "repair"})

    @property
    def goes_without_jobs_file(self) -> bool:
        """Whether it also works where jobs.yaml cannot be read: on the jobs that have sessions."""
        return self.names <= {"verify", "repair"}

    @property
    def redoes(self) -> bool:
        """Whether it does again what is done."""
        return "redo" in self.names

    @property
    def stages(self) -> frozenset[str]:
        """The stages that it may come past."""
        return frozenset() if self.names.isdisjoint({*PROFILES, *STAGES}) else frozenset(STAGES)

    @property
    def runs_sessions(self) -> bool:
        """Whether it runs sessions of jobs."""
        return self.run_task is not None

    @property
    def run_task(self) -> str | None:
        """The task that runs sessions of jobs, if it is among those asked for; there is one at most."""
        return next(iter(self.names & PROFILES.keys()), None)

    @property
    def may_wait(self) -> bool:
        """Whether it waits for sessions to end, unless it is told not to."""
        return not self.names.isdisjoint(WAITING_TASKS)

    def studies(self, known: list[str]) -> list[str]:
        """The studies that it is about, of all that there are.

        Raises:
            InputError: it names one that there is not, or there is none at all.
        """
        asked = [task.partition(":") for task in self.asked if task.partition(":")[0] in TASKS_WITH_STUDIES]
        if not asked:
            return known
        if not known:
            raise InputError(
                self.command, "has nothing to do: jobs.yaml has no studies", "write one, as docs/tune.md shows"
            )
        meant = {found for _, _, name in asked for found in fnmatch.filter(known, name or "*")}
        for _, _, name in asked:
            if name and not fnmatch.filter(known, name):
                raise InputError(f"study {name}", "is not in jobs.yaml", _nearest(name, known))
        return [study for study in known if study in meant]

    def jobs(self, of_file: list[str], trials: Sequence[str] = ()) -> list[str]:
        """The jobs that it is about, of all that there are.

        Args:
            of_file: the jobs of jobs.yaml.
            trials: the jobs of trials.

        Raises:
            InputError: it names a job that there is not, or would archive or do again several without naming one.
        """
        known = [*of_file, *trials]
        tasks = [task.split(":") for task in self.asked]
        named = {parts[1] for parts in tasks if len(parts) > 1}
        patterns = [name for name in named if "*" in name]  # as doit takes them
        for job in sorted({parts[1] for parts in tasks if len(parts) > 1 and parts[0] in TASKS_WITH_JOBS} - set(known)):
            if job.startswith("-"):  # no name of a job begins so
                remedy = "leave it out; doit's own stand before the task"
                raise InputError(f"flag {job}", "is unknown to this command", remedy)
            if not fnmatch.filter(known, job):
                raise InputError(f"job {job}", "is not in jobs.yaml", _remedy(job, known))
        about_all = any(len(parts) == 1 for parts in tasks)
        by_name = set() if self.names <= _TASKS_ABOUT_TRIALS else {*trials}
        matching = {job for pattern in patterns for job in fnmatch.filter(known, pattern)}
        meant = [job for job in known if job in named or job in matching or (about_all and job not in by_name)]
        if len(meant) > 1 and (about_all or patterns):
            self._refuse_several(meant)
        return meant

    def _refuse_several(self, jobs: list[str]) -> None:
        """Refuse to do to several jobs at once what has to be asked for by name."""
        listed = ", ".join(jobs)
        if self.archives:
            problem = f"would archive every job ({listed})"
            raise InputError(self.command, problem, "name the one to start anew, as in `doit fresh:name`")
        if "adopt" in self.names:
            problem = f"would give every job ({listed}) the same checkpoint"
            remedy = "name the one that it belongs to, as in `doit adopt:name from=FOLDER`"
            raise InputError(self.command, problem, remedy)
        if self.redoes:
            problem = f"would do every job again ({listed})"
            raise InputError(self.command, problem, "name the one to do again, as in `doit redo:name`")


def _remedy(job: str, known: list[str]) -> str:
    """What to write instead of a job that there is not."""
    if of_matrix := [each for each in known if each.startswith(f"{job}-")]:
        return f"it stands for {len(of_matrix)} jobs, such as {of_matrix[0]}; all of them are '{job}-*'"
    return _nearest(job, known)


def _nearest(name: str, known: list[str]) -> str:
    """Another name that is like it, or all that there are."""
    import difflib  # noqa: PLC0415 - a command without a mistake needs none of it

    nearest = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(known)}"


def select(arguments: list[str]) -> Selection:
    """The selection that `arguments` (positional, options removed) state.

    Jobs may follow their task as words of their own: `resume one two` is `resume:one resume:two`.

    Raises:
        InputError: two tasks would do different things to the same job.
    """
    tasks = _with_jobs(arguments) or [DEFAULT_TASK]
    names = {task.split(":")[0] for task in tasks}
    asked = sorted(names & {*PROFILES, "fresh", "recover"})
    if len(asked) > 1:
        raise InputError(f"doit {' '.join(arguments)}", f"asks for {' and '.join(asked)} at once", "run one at a time")
    name = next(iter(names & PROFILES.keys()), DEFAULT_TASK)
    return Selection(tuple(tasks), PROFILES[name], name == "resume", f"doit {' '.join(tasks)}")


def _with_jobs(arguments: list[str]) -> list[str]:
    """The tasks of a command line, each with its job where one follows it; one with several is there several times."""
    tasks: list[str] = []
    task = ""
    for argument in arguments:
        if not task or ":" in argument or argument in _TASKS_WITH_NAMES | set(STAGES):
            tasks.append(argument)
            task = argument if argument in _TASKS_WITH_NAMES else ""
        elif tasks[-1] == task:
            tasks[-1] = f"{task}:{argument}"
        else:
            tasks.append(f"{task}:{argument}")
    return tasks


EVERYTHING = select([])
"""What every command of doit but `run` is about: all jobs, under the profile of the default task."""
