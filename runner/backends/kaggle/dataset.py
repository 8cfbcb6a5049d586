"""A session's input on Kaggle: a version of the job's private dataset, checked before a session may read it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from kagglesdk.datasets.types.dataset_api_service import (
    ApiCreateDatasetRequest,
    ApiCreateDatasetResponse,
    ApiCreateDatasetVersionRequest,
    ApiCreateDatasetVersionRequestBody,
    ApiDatasetNewFile,
    ApiDeleteDatasetRequest,
    ApiGetDatasetStatusRequest,
    ApiListDatasetFilesRequest,
    ApiUploadDirectoryInfo,
)
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus

from contract.errors import BackendUnreachableError, RefusedError
from runner.backends.kaggle.api.answers import RejectedError, UnknownValueError
from runner.backends.kaggle.api.retries import patiently
from runner.backends.kaggle.files.upload import upload_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runner.backends.kaggle.api.connection import Connection
    from runner.backends.kaggle.files.sent import Sent

LICENSE = "other"
UPLOADS = 3
"""How often a version is sent of which files go missing on the way."""
READY_PATIENCE_SECONDS = 1800.0
_PAGE_SIZE = 200
_LOST = {DatabundleVersionStatus.FAILED, DatabundleVersionStatus.DELETED}


@dataclass(frozen=True)
class Content:
    """What a dataset is to hold.

    Args:
        files: what each one holds, by its name without any folder.
        key: the session's; a file of that name says whose version it is.
        note: what the version is, for people.
    """

    files: Mapping[str, Sent]
    key: str
    note: str

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each file."""
        return {name: content.size for name, content in self.files.items()}


class Dataset:
    """The dataset of a job.

    Args:
        connection: to Kaggle.
        slug: the dataset's.
        sleep: waits for so many seconds.
    """

    def __init__(self, connection: Connection, slug: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._connection = connection
        self._slug = slug
        self._sleep = sleep

    def ensure(self, content: Content) -> None:
        """Make the dataset's latest version hold `content`, and be ready to be mounted; what is there stays.

        Its names tell whether it does: one of them is the key's. Sizes are a hint, after which it is sent once more:
        the session compares every digest.

        Raises:
            BackendUnreachableError: Kaggle gives no answer, or is not done with it for half an hour.
            RefusedError: Kaggle refuses it, or loses files of it again and again.
        """
        sizes = content.sizes
        present = self._settled_files(sizes)
        if present is not None and present.keys() == sizes.keys():
            self.wait_until_ready(sizes)
            return
        for attempt in range(UPLOADS):
            self.put(content)
            present = self.wait_until_ready(sizes)
            if present == sizes or (attempt and present is not None and present.keys() == sizes.keys()):
                return
        lost = ", ".join(sorted(sizes.keys() - (present or {}).keys()) or sorted(sizes))
        raise RefusedError(f"dataset {self._slug}", f"{lost} did not reach Kaggle whole", "run the same command again")

    def files(self) -> dict[str, int] | None:
        """The sizes of the files of its latest version; None where there is no dataset."""
        found: dict[str, int] = {}
        request = ApiListDatasetFilesRequest()
        request.owner_slug, request.dataset_slug = self._connection.owner, self._slug
        request.page_size = _PAGE_SIZE
        while True:
            try:
                answer = self._connection.ask(
                    "files of a dataset", self._connection.datasets.list_dataset_files, request
                )
            except RejectedError as refusal:
                if refusal.is_absence:
                    return None
                raise
            found |= {str(file.name): int(file.total_bytes) for file in answer.dataset_files or []}
            if not answer.next_page_token or request.page_token == answer.next_page_token:
                return found
            request.page_token = answer.next_page_token

    def delete(self) -> None:
        """Remove it from Kaggle with all its versions; nothing where it is not there."""
        request = ApiDeleteDatasetRequest()
        request.owner_slug, request.dataset_slug = self._connection.owner, self._slug
        try:
            self._connection.ask("deleting a dataset", self._connection.datasets.delete_dataset, request)
        except RejectedError as refusal:
            if not refusal.is_absence:
                raise

    def put(self, content: Content) -> None:
        """Upload the files and make them the latest version, whatever becomes of it.

        Raises:
            RefusedError: Kaggle refuses it.
        """
        files = _tree(dict(zip(content.files, upload_all(self._connection, content.files), strict=True)))

        def publish() -> ApiCreateDatasetResponse | None:
            # An attempt before this one may have been carried out though no answer came.
            present = self._settled_files(content.sizes)
            if present == content.sizes:
                return None
            return self._create(files) if present is None else self._create_version(files, content.note)

        answer = patiently(self._connection.settings, publish)
        if answer is not None and (answer.error or (answer.status or "").lower() == "error"):
            raise RefusedError(f"dataset {self._slug}", f"Kaggle refuses it: {answer.error or 'it gives no reason'}")

    def _create(self, files: _Tree) -> ApiCreateDatasetResponse:
        request = ApiCreateDatasetRequest()
        request.owner_slug, request.slug, request.title = self._connection.owner, self._slug, self._slug
        request.license_name = LICENSE
        request.is_private = True
        request.files, request.directories = files.files, files.directories
        return self._connection.ask_once("creating a dataset", self._connection.datasets.create_dataset, request)

    def _create_version(self, files: _Tree, note: str) -> ApiCreateDatasetResponse:
        body = ApiCreateDatasetVersionRequestBody()
        body.version_notes = note
        body.files, body.directories = files.files, files.directories
        body.delete_old_versions = False
        request = ApiCreateDatasetVersionRequest()
        request.owner_slug, request.dataset_slug, request.body = self._connection.owner, self._slug, body
        method = self._connection.datasets.create_dataset_version
        return self._connection.ask_once("a new version of a dataset", method, request)

    def _settled_files(self, sizes: Mapping[str, int]) -> dict[str, int] | None:
        """The files, once Kaggle is done with what it was sent: until then it shows those of before, or no dataset."""
        present = self.files()
        if present == sizes or self._status() in (None, DatabundleVersionStatus.READY, *_LOST):
            return present
        return self.wait_until_ready(sizes)

    def wait_until_ready(self, sizes: Mapping[str, int]) -> dict[str, int] | None:
        """Wait until Kaggle has unpacked the latest version; return its files.

        The status may still be the one of the version before, so the files are looked at too.
        """
        deadline = time.monotonic() + READY_PATIENCE_SECONDS
        believed_from = time.monotonic() + self._connection.settings.patience
        looks_after_ready = 0
        while True:
            status = self._status()
            if status in _LOST:
                return None
            is_unknown_for_long = status is None and time.monotonic() > believed_from
            if status is DatabundleVersionStatus.READY or is_unknown_for_long:
                present = self.files()
                looks_after_ready += 1
                if present == sizes or looks_after_ready >= _LOOKS:
                    return present
            if time.monotonic() > deadline:
                problem = "is not ready to be mounted after half an hour"
                raise BackendUnreachableError(f"dataset {self._slug}", problem, "run the same command again later")
            self._sleep(min(self._connection.settings.poll, _LONGEST_LOOK_SECONDS))

    def _status(self) -> DatabundleVersionStatus | None:
        request = ApiGetDatasetStatusRequest()
        request.owner_slug, request.dataset_slug = self._connection.owner, self._slug
        try:
            answer = self._connection.ask(
                "the status of a dataset", self._connection.datasets.get_dataset_status, request
            )
        except UnknownValueError:
            return None
        except RejectedError as refusal:
            if refusal.is_absence:  # not there yet
                return None
            raise
        return answer.status


class _Tree(NamedTuple):
    """Uploaded files as Kaggle is told of them."""

    files: list[ApiDatasetNewFile]
    directories: list[ApiUploadDirectoryInfo]


def _tree(tokens: Mapping[str, str]) -> _Tree:
    """The files with these tokens; a name may have one folder."""
    tree = _Tree([], [])
    folders: dict[str, ApiUploadDirectoryInfo] = {}
    for name, token in tokens.items():
        file = ApiDatasetNewFile()
        file.token = token
        folder = name.rpartition("/")[0]
        if not folder:
            tree.files.append(file)
            continue
        if folder not in folders:
            folders[folder] = ApiUploadDirectoryInfo()
            folders[folder].name = folder
            tree.directories.append(folders[folder])
        folders[folder].files = [*folders[folder].files, file]
    return tree


_LOOKS = 5
_LONGEST_LOOK_SECONDS = 2.0
