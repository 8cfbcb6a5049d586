"""A project's jobs, sessions and sources, and what is planned for them."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import restore
from contract.documents.runs import Rules
from contract.errors import InputError
from contract.libraries import library_versions
from runner.backends.registry import backend_entry, is_known, known_backends
from runner.jobs.cache import JobsReader
from runner.jobs.own_keys import GROUP, KEEP, NOTIFY, OF_COMMANDS, PRIORITY
from runner.layout import RunsFolder
from runner.lineage import Lineage, SessionState, read_lineage
from runner.planning.decide import (
    Attach,
    Blocked,
    Continue,
    Finish,
    Nothing,
    Redo,
    Refuse,
    Rejudge,
    Start,
    decide,
)
from runner.planning.plans import LiveSession, Plan
from runner.planning.wanted import Wanted
from runner.retention.values import Keep
from runner.sources import DECIDING_FOLDERS, OWN_FOLDERS, SourceReader, Sources

if TYPE_CHECKING:
    from contract.documents.runs import Identity
    from runner.backends.opened import OpenBackends
    from runner.planning.wanted import Profile
    from runner.preflight.trials import Trials

__all__ = ["LiveSession", "Plan", "Workspace"]


class Workspace:
    """The project in a folder: its jobs.yaml and its runs.

    Args:
        root: the folder.
        backend: overrides the backend of every job, if given.
        waits: whether commands wait for sessions to end.
        backends: those that stay open, where one command watches the sessions of many jobs.
    """

    def __init__(
        self, root: Path, backend: str | None = None, *, waits: bool = True, backends: OpenBackends | None = None
    ) -> None:
        if backend is not None and not is_known(backend):
            problem = f"unknown backend {backend!r}"
            raise InputError("backend", problem, f"choose one of {', '.join(known_backends())}")
        self.runs = RunsFolder(root)
        self.waits = waits
        self.backends = backends
        self._backend = backend
        self.jobs_file = self._jobs = JobsReader(self.runs)
        self._archived: dict[str, int] | None = None
        self._sources = SourceReader(self.runs.cache("sources"), root)

    @property
    def jobs(self) -> list[str]:
        """The names of all jobs."""
        return self._jobs.names

    @property
    def follows(self) -> bool:
        """Whether a stage waits for what it has begun: it does where nobody watches all sessions, and none is left."""
        return self.waits and self.backends is None

    def has(self, job: str) -> bool:
        """Whether jobs.yaml has a job of that name."""
        return self._jobs.has(job)

    def reopened(self, backends: OpenBackends | None = None) -> Workspace:
        """The project as it has become, with the same backends open unless others are given."""
        return Workspace(self.runs.root, self._backend, waits=self.waits, backends=backends or self.backends)

    def resume_command(self, job: str) -> str:
        """What goes on with a job where the command line had it run."""
        return f"doit resume:{job}" + (f" backend={self._backend}" if self._backend else "")

    def backend_name(self, job: str) -> str:
        """Where the job's sessions are to run.

        Raises:
            InputError: jobs.yaml has an error, or the job cannot be used.
        """
        return self._backend or str(self._jobs.job(job)["full"]["backend"])

    def notified(self, job: str) -> str | None:
        """Who is told of the job, as jobs.yaml states it: an address, or the name of a variable."""
        return self.configured(job).get(NOTIFY)

    def configured(self, job: str) -> dict[str, Any]:
        """The job in its full form, as jobs.yaml has it."""
        return self._jobs.job(job)["full"]

    def group(self, job: str) -> str:
        """What the job is compared within, as jobs.yaml states it; empty where it names nothing."""
        return str(self._jobs.job(job)["full"].get(GROUP) or "")

    def priority(self, job: str) -> int:
        """Before which others the job begins its sessions, as jobs.yaml states it."""
        return int(self._jobs.job(job)["full"].get(PRIORITY, 0))

    def kept(self, job: str) -> Keep:
        """Which of the job's checkpoints `doit gc` leaves, as jobs.yaml states it."""
        return Keep(**self._jobs.job(job)["full"][KEEP])

    def plan(self, job: str, profile: Profile, *, redo: bool = False, lineage: Lineage | None = None) -> Plan:
        """What the next session of `job` is; reads, and spends nothing.

        Args:
            job: its name.
            profile: which of its two forms.
            redo: whether what is done is to be done again.
            lineage: what is on disk for it, where that was just read.

        Raises:
            InputError: jobs.yaml has an error, its sources are missing, or there is nothing that could be done again.
        """
        wanted = self.wanted(job, profile, redo=redo)
        lineage = self.lineage(job) if lineage is None else lineage
        decision = decide(wanted, lineage)
        if redo and isinstance(decision, Start):
            problem = "has no session that could be done again"
            raise InputError(f"job {job}", problem, f"`{self.resume_command(job)}` begins its first")
        return Plan(wanted, lineage, decision)

    def lineage(self, job: str) -> Lineage:
        """What is on disk for `job`."""
        self._archived = self.runs.last_archived() if self._archived is None else self._archived
        return read_lineage(self.runs, job, self._archived)

    def live_sessions(self, plan: Plan) -> list[LiveSession]:
        """The session of a job whose stages may have something to do, if there is one.

        All others are settled: whatever changes, they stay as they are.
        """
        decision, lineage = plan.decision, plan.lineage
        match decision:
            case Attach(session=number) | Finish(session=number):
                return [self._on_disk(plan, lineage.session(number), str(decision))]
            case Start():
                parent = None
            case Continue(parent=number):
                parent = self.runs.session(plan.job, number)
            case Redo(parent=number):
                parent = self.runs.session(plan.job, number) if number else None
            case Nothing() | Refuse() | Blocked() | Rejudge():
                tip = lineage.tip
                return [self._on_disk(plan, tip, str(decision))] if tip else []
        folder = self.runs.session(plan.job, lineage.next_number)
        return [LiveSession(plan, folder, parent, plan.wanted.goal, str(decision))]

    def sources(self, plan: Plan) -> Sources:
        """The files that a session of `plan` would carry."""
        return self._sources.read(self.source_folders(plan.wanted.job))

    @functools.cached_property
    def trials(self) -> Trials:
        """What trials of its jobs have found."""
        from runner.preflight.trials import Trials  # noqa: PLC0415 - few commands try jobs

        return Trials(self.runs.cache("trials"))

    def remember(self) -> None:
        """Keep what was read for the next command, where it can be kept."""
        with contextlib.suppress(OSError):
            self._jobs.remember()
            self._sources.remember()

    def wanted(self, job: str, profile: Profile, *, redo: bool = False) -> Wanted:
        """What is asked for with `job`, as `plan` has it.

        Raises:
            InputError: as there.
        """
        values = {name: value for name, value in self._jobs.job(job)[profile].items() if name not in OF_COMMANDS}
        if self._backend is not None:
            values["backend"] = self._backend
        pins = self._pin(values)
        carried = self._sources.read(self.source_folders(values))
        return Wanted(
            job=values,
            profile=profile,
            sources=self._sources.read(self.own_sources(values)).identity(),
            libraries={**library_versions(), **pins} if values["backend"] == "local" else {},
            code=self._code,
            rules=Rules(job=values["validation"], code=self._judging_code),
            source_table=carried.table,
            redo=redo,
        )

    def locked(self, live: LiveSession) -> LiveSession:
        """A session to come, whose packages are locked as they will be from then on.

        Raises:
            InputError: no wheels of them fit where it is to run.
        """
        if not self.wheels(live.plan):
            return live
        values = dict(live.plan.wanted.job, packages=self._stated_packages(live.plan))
        pins = self._pin(values)
        libraries = {**live.plan.wanted.libraries, **pins} if live.plan.wanted.libraries else {}
        wanted = replace(live.plan.wanted, job=values, libraries=libraries)
        return replace(live, plan=replace(live.plan, wanted=wanted))

    def wheels(self, plan: Plan, *, here: bool = False) -> list[Path]:
        """The wheels of a job's packages.

        Args:
            plan: of the job.
            here: whether for this machine, and not for where the job's sessions run.

        Raises:
            InputError: no wheels of them fit there.
        """
        job = plan.wanted.job
        if not job.get("packages"):
            return []
        from runner.packages.carrying import find_wheels  # noqa: PLC0415 - few jobs have packages
        from runner.packages.places import this_machine  # noqa: PLC0415 - likewise

        there = backend_entry(job["backend"]).places(job)
        return find_wheels(self.runs, job, self._stated_packages(plan), (this_machine(),) if here else there)

    def _stated_packages(self, plan: Plan) -> list[str]:
        """As jobs.yaml has them."""
        return list(self._jobs.job(plan.job)[plan.wanted.profile].get("packages", []))

    def _pin(self, job: dict[str, Any]) -> dict[str, str]:
        """Put the locked versions of a job's packages in the place of what it states; return them."""
        if not job.get("packages"):
            return {}
        from runner.packages.lockfile import read_lock  # noqa: PLC0415 - few jobs have packages

        lock = read_lock(self.runs.packages_lock)
        found = lock.of(job["packages"])
        job["packages"] = lock.pinned(job["packages"])
        return found.versions if found is not None else {}

    @functools.cached_property
    def _code(self) -> Identity:
        """What those parts of ours are that decide weights."""
        return self._sources.read(DECIDING_FOLDERS).identity()

    @functools.cached_property
    def _judging_code(self) -> dict[str, str]:
        """What the part of ours is that judges artifacts."""
        judging = self._sources.read((Path(restore.__file__).parent,)).identity()
        return {"meaning": judging.meaning, "python": judging.python}

    def source_folders(self, job: dict[str, Any]) -> tuple[Path, ...]:
        """The folders whose files a session of `job` (as JSON) carries."""
        return (*OWN_FOLDERS, *self.own_sources(job))

    def own_sources(self, job: dict[str, Any]) -> tuple[Path, ...]:
        """Those of them that are the job's own."""
        return tuple(self.runs.root / folder for folder in job["sources"])

    def _on_disk(self, plan: Plan, session: SessionState | None, why: str) -> LiveSession:
        if session is None:
            raise InputError(f"job {plan.job}", "has lost a session's folder", f"run `doit fresh:{plan.job}`")
        parent = session.request.parent
        folder = self.runs.session(plan.job, int(parent.session)) if parent else None
        if folder is not None and not folder.path.exists():  # it is gone, and what came of it is whole
            folder = None
        return LiveSession(plan, session.folder, folder, session.request.goal, why)
