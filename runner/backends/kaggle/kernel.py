"""A job's kernel on Kaggle: its versions are the job's sessions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kagglesdk.kernels.types.kernels_api_service import (
    ApiGetKernelRequest,
    ApiGetKernelSessionStatusRequest,
    ApiListKernelSessionOutputRequest,
    ApiSaveKernelRequest,
)
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus

from contract.errors import BackendBusyError, BackendError, RefusedError, SessionLostError
from contract.states import State
from contract.storage.layout import key_line
from executors.base import Status
from runner.backends.kaggle.api.answers import NoAnswerError, RejectedError, UnknownValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.backends.kaggle.api.connection import Connection
    from runner.backends.kaggle.names import Handle

BUSY = re.compile(r"maximum .*session count|quota", re.IGNORECASE)
"""In what Kaggle says when it takes no further session now."""
VERSIONS_SEARCHED = 10
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
        request = self._push_request(metadata, script)
        subject = f"kernel {self._slug}"
        try:
            answer = self._connection.ask_once("push of a kernel", self._connection.kernels.save_kernel, request)
        except RejectedError as refusal:
            raise RefusedError(subject, refusal.problem, "see docs/kaggle.md") from None
        if answer.error:
            message = self._anonymous(answer.error)
            if BUSY.search(message):
                raise BackendBusyError("Kaggle", f"takes no further session now: {message.rstrip('.')}")
            raise RefusedError(subject, f"Kaggle refuses it: {message}", "see docs/kaggle.md")
        missing = [*answer.invalid_dataset_sources, *answer.invalid_kernel_sources]
        if missing:
            names = ", ".join(self._anonymous(name) for name in missing)
            raise BackendError(subject, f"Kaggle does not mount {names}", "run the same command again in a minute")
        if not answer.version_number:
            raise NoAnswerError("push of a kernel", "did not say which version it became")
        return int(answer.version_number)

    def find(self, key: str) -> int | None:
        """The number of the version with `key`; None where Kaggle never got it."""
        latest = self._source(None)
        if latest is None:
            return None
        number, source = latest
        mark = key_line(key)
        for version in range(number, max(0, number - VERSIONS_SEARCHED), -1):
            found = source if version == number else (self._source(version) or (0, ""))[1]
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

    def _source(self, version: int | None) -> tuple[int, str] | None:
        """The number and the code of a version, the latest if none is given."""
        request = ApiGetKernelRequest()
        request.user_name, request.kernel_slug = self._connection.owner, self._slug
        if version is not None:
            request.version_label = f"v{version}"
        try:
            answer = self._connection.ask("a kernel", self._connection.kernels.get_kernel, request)
        except RejectedError as refusal:
            if refusal.is_absence:
                return None
            raise
        if answer.metadata is None or answer.blob is None:
            return None
        return int(answer.metadata.current_version_number or 0), answer.blob.source or ""

    def _push_request(self, metadata: Mapping[str, Any], script: str) -> ApiSaveKernelRequest:
        owner = self._connection.owner
        request = ApiSaveKernelRequest()
        request.slug, request.new_title = f"{owner}/{self._slug}", metadata["title"]
        request.text, request.language = script, metadata["language"]
        request.kernel_type, request.is_private = metadata["kernel_type"], metadata["is_private"]
        request.enable_gpu, request.enable_tpu = metadata["enable_gpu"], metadata["enable_tpu"]
        request.enable_internet = metadata["enable_internet"]
        request.dataset_data_sources = [f"{owner}/{each}" for each in metadata["dataset_sources"]]
        request.kernel_data_sources = [f"{owner}/{each}" for each in metadata["kernel_sources"]]
        request.competition_data_sources = metadata["competition_sources"]
        request.model_data_sources = metadata["model_sources"]
        request.category_ids = metadata["keywords"]
        request.session_timeout_seconds = metadata["session_timeout_seconds"]
        request.machine_shape = metadata.get("machine_shape")
        request.docker_image = metadata.get("docker_image")
        request.docker_image_pinning_type = metadata.get("docker_image_pinning_type")
        return request

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
