"""A job's kernel on Kaggle: its versions are the job's sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kagglesdk.kernels.types.kernels_api_service import (
    ApiDeleteKernelRequest,
    ApiGetKernelRequest,
    ApiGetKernelSessionStatusRequest,
    ApiListKernelSessionOutputRequest,
)
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus

from contract.errors import BackendError, RefusedError, SessionLostError
from contract.events import say
from contract.states import State
from contract.storage.layout import key_line
from executors.base import Status
from runner.backends.kaggle.api.answers import NoAnswerError, RejectedError, UnknownValueError
from runner.backends.kaggle.api.retries import patiently
from runner.backends.kaggle.kernels.pushing import (
    PRECONDITION_FAILED,
    EmptyNotebookError,
    first_request,
    refusal_of_push,
    run_request,
)
from runner.backends.kaggle.logs import log_text, stored_events
from runner.backends.kaggle.names import Handle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest

    from runner.backends.kaggle.api.connection import Connection

VERSIONS_SEARCHED = 10
LOOKS_AT_AN_EMPTY_NOTEBOOK = 3
"""Before a kernel of which Kaggle gives no source, and knows no session, is taken for one without a version."""
_PAGE_SIZE = 200
_STATES = {
    KernelWorkerStatus.QUEUED: State.QUEUED,
    KernelWorkerStatus.NEW_SCRIPT: State.QUEUED,
    KernelWorkerStatus.RUNNING: State.RUNNING,
    KernelWorkerStatus.CANCEL_REQUESTED: State.RUNNING,
    KernelWorkerStatus.COMPLETE: State.COMPLETE,
    KernelWorkerStatus.ERROR: State.FAILED,
    KernelWorkerStatus.CANCEL_ACKNOWLEDGED: State.CANCELLED,
}


@dataclass(frozen=True)
class Output:
    """What Kaggle holds of a session.

    Args:
        urls: the address of each file, by its name as Kaggle gives it.
        log: everything that it printed, as Kaggle stores it.
    """

    urls: dict[str, str]
    log: str


class Kernel:
    """The kernel of a job.

    Args:
        connection: to Kaggle.
        slug: the kernel's.
    """

    def __init__(self, connection: Connection, slug: str) -> None:
        self._connection = connection
        self._slug = slug

    def push(self, metadata: Mapping[str, Any], script: str) -> int:
        """Save a new version and run it; return its number. Asked once: the answer may be lost, but not the version.

        Args:
            metadata: as `kernel-metadata.json` has it, without the account's name.
            script: the code.

        Raises:
            NoAnswerError: perhaps it was pushed, perhaps not.
            BackendBusyError: Kaggle takes no further session now.
            RefusedError: it refuses this one.
            BackendError: it took it, but does not mount all of its sources.
        """
        return self._save(run_request(self._connection.owner, self._slug, metadata, script))

    def establish(self, metadata: Mapping[str, Any]) -> None:
        """Make the kernel, by a version that never runs; nothing where it is there.

        Where Kaggle takes no version that never runs, that is said, and the first session makes the kernel.

        Raises:
            NoAnswerError: Kaggle gives none.
            EmptyNotebookError: there is a notebook without a version.
        """
        is_saved = False

        def attempt() -> None:
            nonlocal is_saved
            if self.latest() is not None:  # an attempt before this one may have been carried out though no answer came
                return
            if not is_saved:
                try:
                    self._save(first_request(self._connection.owner, self._slug, metadata))
                except EmptyNotebookError:
                    raise
                except RefusedError as refusal:
                    say(f"{refusal.subject}: {refusal.problem}; it is made by its first session instead")
                    return
                is_saved = True
            if self.latest() is None:  # until it shows, nobody could tell whether a push came to something
                raise NoAnswerError("a kernel", "does not show what was saved a moment ago")

        patiently(self._connection.settings, attempt)

    def _save(self, request: ApiSaveKernelRequest) -> int:
        try:
            answer = self._connection.ask_once("push of a kernel", self._connection.kernels.save_kernel, request)
        except RejectedError as refusal:
            is_busy = refusal.status == PRECONDITION_FAILED
            raise refusal_of_push(self._slug, self._anonymous(refusal.words), is_busy=is_busy) from None
        if answer.error:
            raise refusal_of_push(self._slug, self._anonymous(answer.error))
        kinds = ("dataset", "kernel", "competition", "model")
        if missing := [name for kind in kinds for name in getattr(answer, f"invalid_{kind}_sources")]:
            names = ", ".join(self._anonymous(name) for name in missing)
            problem = f"Kaggle does not mount {names}"
            raise BackendError(f"kernel {self._slug}", problem, "run the same command again in a minute")
        if not answer.version_number:
            raise NoAnswerError("push of a kernel", "did not say which version it became")
        return int(answer.version_number)

    def latest(self) -> tuple[int, str] | None:
        """The number and the code of the latest version; None where there is none.

        A notebook without a version has a status that is absent, and a source of which there is no answer.
        """
        failures = 0

        def attempt() -> tuple[int, str] | None:
            nonlocal failures
            try:
                return self._source(None)
            except NoAnswerError:
                failures += 1
                if failures >= LOOKS_AT_AN_EMPTY_NOTEBOOK and self._has_no_session():
                    return None
                raise

        return patiently(self._connection.settings, attempt)

    def script(self, version: int) -> str | None:
        """The code of a version; None where there is no such version."""
        found = self._read_source(version)
        return None if found is None else found[1]

    def find(self, key: str) -> int | None:
        """The number of the newest version with `key`; None where Kaggle never got it."""
        latest = self.latest()
        return None if latest is None else self.find_version(latest, key)

    def find_version(self, latest: tuple[int, str], key: str) -> int | None:
        """The same where the latest version is known."""
        number, source = latest
        mark = key_line(key)
        for version in range(number, max(0, number - VERSIONS_SEARCHED), -1):
            found = source if version == number else (self._read_source(version) or (0, ""))[1]
            if mark in found:
                return version
        return None

    def status(self, handle: Handle) -> Status:
        """Where a session stands; a status that nobody knows is that of a session which goes on.

        Raises:
            NoAnswerError: Kaggle gives none; asked once, since whoever watches asks again.
            SessionLostError: there is no such version.
        """
        request = ApiGetKernelSessionStatusRequest()
        request.user_name, request.kernel_slug = self._connection.owner, self._slug
        request.version_label = handle.label
        method = self._connection.kernels.get_kernel_session_status
        try:
            answer = self._connection.ask_once("the status of a session", method, request)
        except UnknownValueError as unknown:
            return Status(State.RUNNING, reason=f"Kaggle calls its state {unknown.value}, which is unknown here")
        except RejectedError as refusal:
            if refusal.is_absence:
                raise SessionLostError(f"session {handle.slug}/{handle.version}", "is not on Kaggle any more") from None
            raise
        return self._as_status(answer.status, answer.failure_message or "")

    def output(self, handle: Handle) -> Output:
        """The files of a session and its log.

        Raises:
            SessionLostError: there is no such version.
        """
        request = ApiListKernelSessionOutputRequest()
        request.user_name, request.kernel_slug = self._connection.owner, self._slug
        request.version_label, request.page_size = handle.label, _PAGE_SIZE
        urls: dict[str, str] = {}
        log = ""
        while True:
            method = self._connection.kernels.list_kernel_session_output
            try:
                answer = self._connection.ask("the output of a session", method, request)
            except RejectedError as refusal:
                if refusal.is_absence:
                    subject = f"session {handle.slug}/{handle.version}"
                    raise SessionLostError(subject, "left nothing on Kaggle") from None
                raise
            urls |= {str(file.file_name): str(file.url) for file in answer.files or []}
            log = log or answer.log or ""
            if not answer.next_page_token or answer.next_page_token == request.page_token:
                return Output(urls, log)
            request.page_token = answer.next_page_token

    def newer(self, handle: Handle) -> Handle | None:
        """A later version of the same session, which somebody started on Kaggle's site."""
        version = self.find(handle.key)
        return Handle(handle.slug, version, handle.key) if version is not None and version > handle.version else None

    def image(self, handle: Handle) -> str | None:
        """The full name of the image that a session runs in, where Kaggle says it."""
        request = ApiGetKernelRequest()
        request.user_name, request.kernel_slug = self._connection.owner, self._slug
        request.version_label = handle.label
        answer = self._connection.ask_once("a kernel", self._connection.kernels.get_kernel, request)
        return (answer.metadata.docker_image or None) if answer.metadata is not None else None

    def printed(self, handle: Handle) -> str:
        """What a session that has ended printed."""
        return log_text(stored_events(self.output(handle).log), self._connection.owner)

    def delete(self) -> None:
        """Remove it from Kaggle with all its versions; nothing where it is not there."""
        request = ApiDeleteKernelRequest()
        request.user_name, request.kernel_slug = self._connection.owner, self._slug
        try:
            self._connection.ask("deleting a kernel", self._connection.kernels.delete_kernel, request)
        except RejectedError as refusal:
            if not refusal.is_absence:
                raise

    def _has_no_session(self) -> bool:
        """Whether Kaggle says for certain that the kernel has no session, ended or not."""
        request = ApiGetKernelSessionStatusRequest()
        request.user_name, request.kernel_slug = self._connection.owner, self._slug
        method = self._connection.kernels.get_kernel_session_status
        try:
            self._connection.ask_once("the status of a session", method, request)
        except RejectedError as refusal:
            return refusal.is_absence
        except (NoAnswerError, UnknownValueError):
            return False
        return False

    def _read_source(self, version: int) -> tuple[int, str] | None:
        return patiently(self._connection.settings, lambda: self._source(version))

    def _source(self, version: int | None) -> tuple[int, str] | None:
        """The number and the code of a version, the latest if none is given; asked once."""
        request = ApiGetKernelRequest()
        request.user_name, request.kernel_slug = self._connection.owner, self._slug
        if version is not None:
            request.version_label = f"v{version}"
        try:
            answer = self._connection.ask_once("a kernel", self._connection.kernels.get_kernel, request)
        except RejectedError as refusal:
            if refusal.is_absence:
                return None
            raise
        if answer.metadata is None or answer.blob is None:
            return None
        return int(answer.metadata.current_version_number or 0), answer.blob.source or ""

    def _as_status(self, told: KernelWorkerStatus, failure: str) -> Status:
        state = _STATES[told]
        if state is State.QUEUED:
            return Status(state, reason="waits in Kaggle's queue")
        if told is KernelWorkerStatus.CANCEL_REQUESTED:
            return Status(state, reason="is being cancelled on Kaggle")
        if state is State.FAILED:
            return Status(state, reason=self._anonymous(failure) or None)
        if state is State.CANCELLED:
            return Status(state, reason=self._anonymous(failure) or "it was cancelled on Kaggle")
        return Status(state)

    def _anonymous(self, text: str) -> str:
        """Words of Kaggle's on one line, without the account's name in addresses."""
        return " ".join(text.replace(f"{self._connection.owner}/", "").split())
