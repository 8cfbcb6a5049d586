"""What a backend is: eleven calls behind which a session runs somewhere.

A new backend is one file with one class, and an entry point of the group that `runner.backends.registry` names. No
stage knows one from another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from executors.base import Closeable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from pydantic import BaseModel

    from contract.documents.runs import Package
    from contract.errors import RelayError
    from contract.states import State
    from executors.base import Status
    from runner.layout import SessionFolder
    from runner.packages.places import Place
    from runner.scheduling.slots import Slot


@dataclass(frozen=True)
class Check:
    """Something that a backend's user can be told before a session is spent.

    Args:
        about: what was looked at, in a few words.
        finding: what was found, in half a sentence that says what to do where something is wrong.
        is_well: whether a session could run with it.
        remedy: what to do where something is wrong, by itself; `finding` says it too.
    """

    about: str
    finding: str
    is_well: bool = True
    remedy: str = ""


def failed(about: str, error: RelayError) -> Check:
    """What an error says of what was looked at."""
    return Check(about, str(error), is_well=False, remedy=error.remedy or "")


@dataclass(frozen=True)
class Held:
    """A session that a backend holds.

    Args:
        handle: of the session.
        number: what the backend counts it by, for people.
        script: what started it.
    """

    handle: str
    number: int
    script: str


@dataclass(frozen=True)
class Output:
    """What a session left where it ran, and which may still be there.

    Args:
        backend: the backend that it ran on.
        handle: the session's there.
        state: how it ended.
        is_latest: whether no session of the job came after it.
    """

    backend: str
    handle: str
    state: State
    is_latest: bool


@dataclass(frozen=True)
class Origin:
    """What a session goes on from, as far as it matters to where it runs.

    Args:
        size: bytes of the checkpoint and all that belongs to it.
        output: of the session that made it, if that ran to an end.
    """

    size: int
    output: Output | None


@dataclass(frozen=True)
class Provisions:
    """What a package holds for its backend, beyond what every package holds.

    Args:
        payload: files that the session is given, by name; the key covers them.
        beside: files beside the payload, by name: for the backend itself, and no part of the key.
        session_limit: seconds after which the session ends by itself there, where that is sooner than the job has it.
    """

    payload: Mapping[str, bytes] = field(default_factory=dict)
    beside: Mapping[str, bytes] = field(default_factory=dict)
    session_limit: float | None = None


@dataclass(frozen=True)
class Known:
    """What is known of a job before a session of it.

    Args:
        parameters: the shape of each tensor of its policy; None where they could not be measured.
        earlier: the newest session of the lineage that was submitted to the same backend; None where there is none.
    """

    parameters: Mapping[str, Sequence[int]] | None = None
    earlier: Package | None = None


@dataclass(frozen=True)
class Settled:
    """A job with what it leaves to its backend decided.

    Args:
        job: as JSON.
        said: what was decided and why, in half a sentence; None where nothing is to be said.
    """

    job: Mapping[str, Any]
    said: str | None = None


def _as_it_is(job: Mapping[str, Any], _known: Known) -> Settled:
    """What a backend decides that leaves a job as it is."""
    return Settled(job)


def _unknown(_job: Mapping[str, Any]) -> None:
    """What a backend says of its memory that does not know it."""


def _nothing_more(_root: Path, _job: Mapping[str, Any]) -> Iterator[Check]:
    """What a job needs of a backend that needs nothing for one job and not for another."""
    return iter(())


def _here(_job: Mapping[str, Any]) -> Sequence[Place]:
    """Where the sessions of a backend run that says nothing else: as the commands do."""
    from runner.packages.places import this_machine  # noqa: PLC0415 - only jobs with packages ask

    return (this_machine(),)


def _queued(job: Mapping[str, Any], _known: Known) -> Slot:
    """What a session takes of a backend that has a queue of its own, where nothing else is known of it."""
    from runner.scheduling.slots import Slot  # noqa: PLC0415 - only who begins sessions asks

    return Slot(has_gpu=job["device"] == "cuda")


def _untold(_package: Package) -> None:
    """What a session was given to compute on, where its package does not tell."""


@dataclass(frozen=True)
class BackendEntry:
    """What is known of a backend before it is opened: what an entry point of the group names.

    Loading it should import little, since whoever reads jobs.yaml does.

    Args:
        open: makes the backend, given a folder of its own, which need not exist.
        section: the model of the section of a job that has the backend's name, each field with a default; None for
            a backend that reads none.
        calibrate: finds out what only the owner of an account can, given the same folder; None where there is nothing
            of that kind.
        held: the sessions that it holds of a job (as JSON), oldest first, without those of these handles; given the
            same folder, and None where nothing is held for whoever has lost his own.
        tidy: removes what no session of these jobs (as JSON, none of which runs) needs, once asked whether the user
            agrees; None where nothing is kept.
        needs: looks at what a job (as JSON) needs of it beyond what every job does, given the same folder; spends
            nothing, and may raise what a backend raises.
        places: where a session of a job (as JSON) may find itself, for the packages that it brings along.
        has_data: whether Kaggle's data are there, without a folder of this machine.
        memory: bytes of memory that a session of a job (as JSON) has there; None where that is not known.
        is_elsewhere: whether what a session is given leaves this machine.
        settle: decides what a job (as JSON) leaves to the backend, from what is known of it: for `provisions`, and no
            part of the job's identity.
        slot: what a session of a job (as JSON) takes of the sessions that run there at once, as far as that is known.
        machine: what the session of a package was given to compute on, in a few words, and whether that is a GPU; None
            where the package does not tell.
        log_is_streamed: whether a log that grows comes by something that is held open for each session: whoever
            watches many reads it once they have ended.
    """

    open: Callable[[Path], Backend]
    section: type[BaseModel] | None = None
    memory: Callable[[Mapping[str, Any]], int | None] = _unknown
    calibrate: Callable[[Path], None] | None = None
    held: Callable[[Path, Mapping[str, Any], AbstractSet[str]], Sequence[Held]] | None = None
    tidy: Callable[[Path, Sequence[Mapping[str, Any]], Callable[[], bool]], None] | None = None
    has_data: bool = False
    is_elsewhere: bool = False
    needs: Callable[[Path, Mapping[str, Any]], Iterator[Check]] = _nothing_more
    places: Callable[[Mapping[str, Any]], Sequence[Place]] = _here
    settle: Callable[[Mapping[str, Any], Known], Settled] = _as_it_is
    slot: Callable[[Mapping[str, Any], Known], Slot] = _queued
    machine: Callable[[Package], tuple[str, bool] | None] = _untold
    log_is_streamed: bool = False


class Backend(Closeable, Protocol):
    """Where sessions execute; used `with` a `close` at its end, after which the sessions go on.

    Each call may raise BackendUnreachableError, which is never a failure of the session, and each
    that takes a handle SessionLostError, after which the run goes on from what it has.
    """

    name: str

    def provisions(self, job: Mapping[str, Any], parent: Origin | None) -> Provisions:
        """What the package of a session must hold for this backend; asks nobody, and spends nothing.

        Args:
            job: the job with its profile applied, as JSON; what it leaves to the backend is settled.
            parent: what the session goes on from.

        Raises:
            InputError: no session of the job can run here.
        """

    def prepare(self, folder: SessionFolder, key: str) -> None:
        """Ask whatever has to be asked, and put in place whatever `submit` needs; starts nothing.

        It comes before each `submit`, and before anything says that the session may have been submitted: an error or a
        kill in here leaves a session that was only packaged. Raises what `submit` raises.
        """

    def submit(self, folder: SessionFolder, key: str) -> str:
        """Start the packaged session; return a handle that outlives this process.

        Raises RefusedError, CredentialsError or InputError where it is certain that nothing was started,
        BackendBusyError where that is so and it may be tried again.
        """

    def find(self, key: str) -> str | None:
        """The handle of the session with `key`, if it was ever submitted here."""

    def status(self, handle: str) -> Status:
        """Where the session stands."""

    def logs(self, handle: str, offset: int) -> bytes:
        """What the session has printed from byte `offset` on."""

    def fetch(self, handle: str, folder: Path) -> Sequence[str]:
        """Copy what the session left into `folder`; what is there already may be kept.

        Which files come is decided by `contract.storage.coming_back`; returns what stays behind, in words.
        """

    def cancel(self, handle: str) -> None:
        """Ask the session to stop after a last checkpoint."""

    def release(self, handle: str) -> None:
        """Forget what the backend still holds of a session whose artifacts are safe."""

    def diagnose(self) -> Iterator[Check]:
        """What a session would need of this backend, looked at one by one; spends nothing."""


@runtime_checkable
class AskedAtOnce(Protocol):
    """A backend that can be asked after many sessions at once; any other one is asked after each."""

    def standing(self, handles: Sequence[str]) -> Mapping[str, Status]:
        """Where the sessions stand, by handle; those that it knows nothing of are left out."""


@runtime_checkable
class SubmitsTogether(Protocol):
    """What a backend is besides that takes several sessions in one submission."""

    def submit_together(self, packaged: Mapping[str, SessionFolder]) -> Mapping[str, str]:
        """Start packaged sessions, given by their keys, each once; return the handle of each.

        Raises what `submit` raises: then some of them may have been started, and `find` knows which.
        """
