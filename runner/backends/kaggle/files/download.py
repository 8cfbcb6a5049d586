"""What a session left on Kaggle, brought here: its own files as its manifest lists them, and others as many as fit."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from contract.documents.runs import Manifest
from contract.errors import BackendUnreachableError, RelayError, SessionLostError
from contract.storage import files, layout
from contract.storage.coming_back import ODD_NAME, ComingBack, is_own
from contract.storage.confinement import Strictness, confined
from runner.backends.kaggle.api.retries import patiently
from runner.backends.kaggle.files.transfer import AddressExpiredError, TooLargeError, WantedFile, transfer
from runner.layout import SessionFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runner.backends.kaggle.api.connection import Connection
    from runner.backends.kaggle.kernels.kernel import Output
    from runner.backends.kaggle.names import Handle

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LARGEST_MANIFEST_BYTES = 64 << 20
_LONGEST_LOOK_SECONDS = 5.0
_LOOKS = 3


@dataclass(frozen=True)
class Listed:
    """What a session's manifest lists.

    Args:
        key: the session's.
        is_complete: whether the session ended in good order; until then a file may be newer than its entry.
        entries: size and digest of each file.
    """

    key: str
    is_complete: bool
    entries: dict[str, tuple[int, str]]


class Download:
    """Brings the output of one session into a folder.

    Args:
        connection: to Kaggle.
        handle: the session.
        listing: asks Kaggle for the session's output; addresses in it expire.
        folder: where the files go.
    """

    def __init__(
        self,
        connection: Connection,
        handle: Handle,
        listing: Callable[[], Output],
        folder: Path,
    ) -> None:
        self._connection = connection
        self._handle = handle
        self._listing = listing
        self._folder = folder
        self._urls: dict[str, str] = {}
        self._unnamed: list[str] = []
        self._has_log = False

    def is_there(self) -> bool:
        """Whether the output that Kaggle gives now is this session's, by its manifest."""
        try:
            self._renew()
        except SessionLostError:
            return False
        listed = self._read_manifest() if layout.MANIFEST_FILE in self._urls else None
        self._partial_manifest.unlink(missing_ok=True)
        return listed is not None and listed.key == self._handle.key

    def run(self, known: Callable[[str], Path | None], *, is_whole: bool, settling: float = 0.0) -> Sequence[str]:
        """Fetch the files; one that is there already, or lies elsewhere on this machine, is not fetched again.

        Returns what stays behind, in words.

        Args:
            known: where a file of this digest lies on this machine already.
            is_whole: whether Kaggle says that the session ended well, and its manifest must be there. One that did not
                may have left none, which is believed when its log has been there for a while.
            settling: seconds of that while.

        Raises:
            SessionLostError: the session left no manifest, and so nothing that is known to be its own.
            BackendUnreachableError: Kaggle gives no answer, or only the output of another version.
        """
        listed = self._manifest(is_whole=is_whole, settling=settling)
        if listed.is_complete:
            self._await_listing(set(listed.entries))
        for name, (size, sha256) in listed.entries.items():
            if is_confined(name) and name in self._urls:
                self._bring(WantedFile(name, "", sha256, size, is_settled=listed.is_complete), known(sha256))
        coming = ComingBack(own=frozenset(listed.entries))
        for name in self._unnamed:
            coming.leave(name, ODD_NAME)
        for name in sorted(self._urls.keys() - listed.entries.keys() - {layout.MANIFEST_FILE}):
            self._bring_beside(name, coming, is_complete=listed.is_complete)
        # Last, as the session wrote it: whoever finds it finds the rest.
        self._partial_manifest.replace(self._folder / layout.MANIFEST_FILE)
        return coming.left_behind

    def _await_listing(self, names: set[str]) -> None:
        """Give Kaggle some time to list every file; one that never comes is missed by validation."""
        for _ in range(_LOOKS):
            if names <= self._urls.keys():
                return
            time.sleep(self._pause)
            self._renew()

    @property
    def _partial_manifest(self) -> Path:
        return self._folder / f"{files.TEMPORARY_PREFIX}{self._handle.key[:16]}.manifest"

    @property
    def _pause(self) -> float:
        return min(self._connection.settings.poll, _LONGEST_LOOK_SECONDS)

    def _manifest(self, *, is_whole: bool, settling: float) -> Listed:
        """The manifest of this session, once Kaggle gives it."""
        settings, began = self._connection.settings, time.monotonic()
        deadline = began + settings.patience
        while True:
            self._renew()
            problem = "left no manifest on Kaggle, so nothing of it is known to be its own"
            if layout.MANIFEST_FILE in self._urls:
                listed = self._read_manifest()
                if listed is not None and listed.key == self._handle.key:
                    return listed
                self._partial_manifest.unlink(missing_ok=True)
                problem = "is there, but Kaggle gives the output of another one"
            elif not is_whole and time.monotonic() >= (began + settling if self._has_log or not settling else deadline):
                raise SessionLostError(f"session {self._handle.slug}/{self._handle.version}", problem)
            if time.monotonic() >= deadline:
                subject = f"session {self._handle.slug}/{self._handle.version}"
                raise BackendUnreachableError(subject, problem, "run the same command again in some minutes")
            time.sleep(self._pause)

    def _read_manifest(self) -> Listed | None:
        target = self._partial_manifest
        self._fetch(WantedFile(layout.MANIFEST_FILE, ""), target)
        try:
            if target.stat().st_size > _LARGEST_MANIFEST_BYTES:
                return None
            return parse_listed(files.read_json(target))
        except (OSError, ValueError, RecursionError):
            return None

    def _bring(self, wanted: WantedFile, here: Path | None) -> None:
        target = self._folder / PurePosixPath(wanted.name)
        digest = str(wanted.sha256)
        if target.is_file() and _is(target, wanted.bytes, digest):
            return
        if here is not None and _is(here, wanted.bytes, digest):
            files.link_or_copy(here, target)
            return
        self._fetch(wanted, target)

    def _bring_beside(self, name: str, coming: ComingBack, *, is_complete: bool) -> None:
        """Fetch a file that the manifest does not list: the environment's own, or one that came after the manifest.

        What a session that ended in good order has of its own is listed; what it does not list is not its own.
        """
        target = self._folder / PurePosixPath(name)
        if is_own(name):
            if not is_complete:  # it may be the newest checkpoint: validation judges it
                self._fetch(WantedFile(name, "", is_settled=False), target)
            return
        if target.is_file():
            coming.takes(name, target.stat().st_size)
            return
        if not coming.takes(name, 0):  # its size is found out as it comes
            return
        try:
            self._fetch(WantedFile(name, "", is_settled=False, most_bytes=coming.bytes), target)
        except TooLargeError as error:
            coming.leave(name, error.problem)
            return
        coming.counts(target.stat().st_size)

    def _fetch(self, wanted: WantedFile, target: Path) -> None:
        def attempt() -> None:
            now = replace(wanted, url=self._urls[wanted.name])
            try:
                transfer(self._connection.plain, now, target)
            except AddressExpiredError:
                self._renew()
                raise

        patiently(self._connection.settings, attempt)

    def _renew(self) -> None:
        """Ask for addresses; those of before stay known where a listing has lost them."""
        output = self._listing()
        urls, self._has_log = output.urls, self._has_log or bool(output.log)
        self._urls |= {name: url for name, url in urls.items() if is_confined(name)}
        self._unnamed = sorted(urls.keys() - self._urls.keys())


def parse_listed(document: Any) -> Listed | None:
    """What a manifest lists, None where it is none; names that lead elsewhere are left to `is_confined`."""
    try:
        entries = {
            str(name): (entry["bytes"], entry["sha256"])
            for name, entry in document["files"].items()
            if isinstance(entry["bytes"], int) and _DIGEST.fullmatch(entry["sha256"])
        }
        return Listed(str(document["key"]), bool(document["complete"]), entries)
    except (AttributeError, KeyError, TypeError):
        return None


def is_confined(name: str) -> bool:
    """Whether a file of this name lies inside the folder that it is put into, on every system."""
    path = confined(name, Strictness.THIS_SYSTEM)
    if path is None or str(path) != name:  # two spellings would be two files of a listing and one on the disk
        return False
    return not any(part.startswith(files.TEMPORARY_PREFIX) for part in path.parts)


def earlier_files(folder: Path) -> Callable[[str], Path | None]:
    """Where files of other sessions of the job lie, by digest; `folder` is a session's own folder of artifacts."""
    found: dict[str, Path] = {}
    for manifest in sorted(folder.parent.parent.glob("*/manifest.json")):
        session = SessionFolder(manifest.parent)
        try:
            listed = Manifest.read(session.manifest_json).files
        except RelayError:  # it lists nothing that could be used again
            continue
        found |= {entry.sha256: session.artifacts / PurePosixPath(name) for name, entry in listed.items()}
    return found.get


def _is(path: Path, size: int | None, sha256: str) -> bool:
    try:
        return path.stat().st_size == size and files.sha256_of_file(path) == sha256
    except OSError:
        return False
