"""The kaggle backend: sessions on Kaggle's machines, one version of one private kernel each."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from contract.errors import (
    BackendBusyError,
    BackendError,
    BackendUnreachableError,
    CredentialsError,
    RefusedError,
    SessionLostError,
)
from contract.events import say
from contract.states import State
from contract.storage import files
from executors.base import Closeable
from runner.backends.base import Provisions
from runner.backends.kaggle.api.answers import RejectedError
from runner.backends.kaggle.api.connection import Connection
from runner.backends.kaggle.api.credentials import find_credentials
from runner.backends.kaggle.api.retries import patiently
from runner.backends.kaggle.api.settings import KaggleSettings, settings_from
from runner.backends.kaggle.calibration.facts import read_facts
from runner.backends.kaggle.files.download import Download, earlier_files
from runner.backends.kaggle.gpu.spending import SHORTEST_WAIT_SECONDS, Spending, limited
from runner.backends.kaggle.input import Session, put_input
from runner.backends.kaggle.kernels.kernel import Kernel
from runner.backends.kaggle.kernels.metadata import (
    LACKING,
    LONGEST_SESSION_SECONDS,
    METADATA_FILE,
    job_slug,
    kernel_metadata,
    timeout_seconds,
)
from runner.backends.kaggle.names import Handle
from runner.backends.kaggle.notes import Notes, Remembered
from runner.backends.kaggle.watch import Watch
from runner.display import duration_text
from runner.stages.session_script import ACCELERATOR_FILE
from runner.wheels import make_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from executors.base import Status
    from runner.backends.base import Check, Origin
    from runner.layout import SessionFolder


ASKED_AS_OFTEN_AS_ONE = 2
"""Sessions that are watched at once; each of more is asked after less often."""


class _Prepared(NamedTuple):
    """A session before it is submitted.

    Args:
        version: that it is already, if Kaggle has it.
        stores: the datasets that it has to mount beside its own.
        seconds: that it may last, where that is less than its job says.
    """

    version: int | None
    stores: tuple[str, ...]
    seconds: float | None = None


class KaggleBackend(Closeable):
    """Sessions on Kaggle; the handle names kernel, version and key, and not the account.

    Args:
        root: a folder for notes of what is being submitted.
        settings: how often and how long to ask; from the environment if not given.
    """

    name = "kaggle"

    def __init__(self, root: Path, settings: KaggleSettings | None = None) -> None:
        self._root = root
        self._settings = settings or settings_from()
        self._watches: dict[str, Watch] = {}
        self._prepared: dict[str, _Prepared] = {}
        self._notes = Notes(root)
        self._spending = Spending(lambda: self.connection, self._busy_pause)

    @cached_property
    def connection(self) -> Connection:
        """To the account whose credentials are found.

        Raises:
            CredentialsError: there are none.
        """
        return Connection(find_credentials(), self._settings)

    def provisions(self, job: Mapping[str, Any], parent: Origin | None) -> Provisions:
        """The packages that Kaggle's image lacks, and what Kaggle is told of the session's kernel.

        Raises:
            InputError: a session of the job may last longer than Kaggle lets it, or a package is not as installed.
        """
        known, facts = self._notes.of(job_slug(job)), read_facts(self._root)
        if facts is not None and facts.own_output is False:
            known = Remembered(known.image, mounts_itself=False)
        told = kernel_metadata(job, parent, known)
        payload = dict(map(make_bundle, LACKING))
        if told["enable_gpu"]:
            payload[ACCELERATOR_FILE] = files.readable_json({"accelerator": told["machine_shape"]})
        return Provisions(payload=payload, beside={METADATA_FILE: files.readable_json(told)})

    def prepare(self, folder: SessionFolder, key: str) -> None:
        """Ask whether the session is there, and if not put its input into the job's dataset.

        Raises:
            BackendBusyError: Kaggle has no GPU for another session now.
            BackendUnreachableError: it gives no answer.
            RefusedError: it refuses the input.
        """
        metadata = files.read_json(folder.package / METADATA_FILE)
        self._notes.note(key, metadata)
        kernel = Kernel(self.connection, metadata["id"])
        try:
            latest = kernel.latest()
            version = None if latest is None else kernel.find_version(latest, key)
            if latest is None:
                kernel.establish(metadata)
            seconds = self._spending.allow(folder, metadata) if version is None else None
            stores = self._put_input(folder, metadata, key) if version is None else ()
        except RejectedError as refusal:
            raise RefusedError(refusal.subject, refusal.problem, "see docs/kaggle.md") from None
        self._prepared[key] = _Prepared(version, stores, seconds)

    def submit(self, folder: SessionFolder, key: str) -> str:
        """Push a version of the job's kernel that reads the session's input, unless it is there.

        Raises:
            BackendBusyError: Kaggle takes no further session now.
            BackendUnreachableError: it gives no answer; perhaps the session runs, which `find` tells.
            RefusedError: it refuses the session.
            BackendError: it takes the session, but not all of its sources.
        """
        if key not in self._prepared:
            self.prepare(folder, key)
        prepared = self._prepared.pop(key)
        metadata = files.read_json(folder.package / METADATA_FILE)
        slug, version = metadata["id"], prepared.version
        if version is None:
            metadata["dataset_sources"] += prepared.stores
            script = self._within_quota(folder.script.read_text(encoding="utf-8"), metadata, prepared.seconds)
            self._notes.note(key, metadata)
            version = self._push(Kernel(self.connection, slug), metadata, script, key)
        return str(Handle(slug, version, key))

    def find(self, key: str) -> str | None:
        """The handle of the session with `key`, if Kaggle ever got it."""
        noted = self._notes.noted(key)
        if noted is None:  # it is written before anything leaves this machine
            return None
        version = Kernel(self.connection, noted.slug).find(key)
        return None if version is None else str(Handle(noted.slug, version, key))

    def status(self, handle: str) -> Status:
        """Where the session stands; asked of Kaggle once in a while, and the less often the more are watched."""
        watch = self._watch(handle)
        return watch.status(max(1.0, len(self._watches) / ASKED_AS_OFTEN_AS_ONE))

    def logs(self, handle: str, offset: int) -> bytes:
        """What the session has printed from byte `offset` on."""
        return self._watch(handle).log(offset)

    def fetch(self, handle: str, folder: Path) -> Sequence[str]:
        """Bring what the session left into `folder`, checked; what is there already stays.

        Returns what stays behind, in words.

        Raises:
            SessionLostError: it left nothing that is known to be its own.
        """
        parsed = Handle.parse(handle)
        kernel = Kernel(self.connection, parsed.slug)
        told = patiently(self._settings, lambda: kernel.status(parsed))
        if told.state.is_terminal and told.state is not State.COMPLETE and (newer := kernel.newer(parsed)) is not None:
            return self.fetch(str(newer), folder)
        if not told.state.is_terminal:
            subject = f"session {parsed.slug}/{parsed.version}"
            raise BackendUnreachableError(subject, "goes on", "run the same command again")
        self._notes.keep_image(kernel, parsed)
        facts = read_facts(self._root)
        longest = max(self._settings.settling, 3 * facts.longest_lag if facts is not None else 0.0)
        patience = 0.0 if self._notes.of(parsed.slug).empty == parsed.key else longest
        is_whole = told.state is State.COMPLETE
        try:
            return self._download(parsed, folder).run(earlier_files(folder), is_whole=is_whole, settling=patience)
        except SessionLostError:
            self._notes.keep_empty(kernel, parsed)
            raise

    def cancel(self, handle: str) -> None:
        """Say that it cannot be done from here.

        Raises:
            BackendError: always: Kaggle's API cancels by a number that it tells nobody.
        """
        parsed = Handle.parse(handle)
        problem = "cannot be cancelled from here: Kaggle's API does not allow it"
        remedy = (
            f"open the kernel {parsed.slug} on kaggle.com, then View Active Events and Cancel; "
            "without that it ends at its session limit with a last checkpoint"
        )
        raise BackendError(f"session {parsed.slug}/{parsed.version}", problem, remedy)

    def release(self, handle: str) -> None:
        """Forget the note of its submission; kernel and dataset stay on Kaggle, private, for the sessions to come."""
        with contextlib.suppress(SessionLostError):
            self._notes.forget(Handle.parse(handle).key)
        if (watch := self._watches.pop(handle, None)) is not None:
            watch.close()

    def diagnose(self) -> Iterator[Check]:
        """What a session would need; spends no quota."""
        from runner.backends.kaggle.health import checks  # noqa: PLC0415 - only `doit doctor` asks

        return checks(self._settings, read_facts(self._root))

    def close(self) -> None:
        """Read no logs any more, and close the connections to Kaggle."""
        for watch in self._watches.values():
            watch.close()
        self._watches.clear()
        if (connection := self.__dict__.pop("connection", None)) is not None:
            connection.close()

    def _put_input(self, folder: SessionFolder, metadata: dict[str, Any], key: str) -> tuple[str, ...]:
        """Have the input of the session on Kaggle before anything is pushed that reads it.

        Returns the datasets that it has to mount beside its own.
        """
        return put_input(self.connection, self._root, self._settings.store_bytes, Session(folder, metadata, key))

    def _within_quota(self, script: str, metadata: dict[str, Any], seconds: float | None) -> str:
        """The script of a session that ends before the quota does, and what Kaggle is told of it."""
        within = None if seconds is None else limited(script, seconds)
        if seconds is None or within is None:
            return script
        metadata["session_timeout_seconds"] = timeout_seconds(seconds)
        say(f"{metadata['id']}: the session ends after {duration_text(seconds)}, before the GPU quota does")
        return within

    def _push(self, kernel: Kernel, metadata: dict[str, Any], script: str, key: str) -> int:
        """Push once. Where no answer comes, Kaggle is asked whether it got it before anything is pushed again."""
        is_first = True

        def attempt() -> int:
            nonlocal is_first
            version = None if is_first else self._find_again(kernel, key)
            is_first = False
            return version if version is not None else kernel.push(metadata, script)

        try:
            return patiently(self._settings, attempt)
        except BackendBusyError as busy:
            left = self._spending.quota()
            told = str(left) if left is not None else None
            raise BackendBusyError(busy.subject, busy.problem, told, wait_seconds=self._busy_pause) from None

    def _find_again(self, kernel: Kernel, key: str) -> int | None:
        """The version that a push of unknown outcome became, if it became one."""
        try:
            return kernel.find(key)
        except CredentialsError as error:  # then it is not known that nothing was started
            raise BackendUnreachableError(error.subject, error.problem, error.remedy) from None

    @property
    def _busy_pause(self) -> float:
        return min(SHORTEST_WAIT_SECONDS, 6 * self._settings.poll)

    def _watch(self, handle: str) -> Watch:
        if handle not in self._watches:
            parsed = Handle.parse(handle)
            noted = self._notes.noted(parsed.key)
            self._watches[handle] = Watch(
                self.connection,
                parsed,
                lambda each: self._download(each, self._root).is_there(),
                self._spending.in_words,
                (noted.limit if noted is not None else None) or LONGEST_SESSION_SECONDS,
                self._notes.seconds_seen,
            )
        return self._watches[handle]

    def _download(self, parsed: Handle, folder: Path) -> Download:
        kernel = Kernel(self.connection, parsed.slug)
        return Download(self.connection, parsed, lambda: kernel.output(parsed), folder)
