"""What is noted here of sessions that were submitted, and what they have shown for those that follow."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import msgspec

from contract.errors import BackendError
from contract.storage import files
from runner.backends.kaggle.files.stores import lose
from runner.stages.session_script import NOT_MOUNTED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from contract.states import State
    from runner.backends.kaggle.kernels.kernel import Kernel
    from runner.backends.kaggle.names import Handle

ORIGINAL = "original"
"""The image that a kernel's first version ran in."""


class Noted(msgspec.Struct, frozen=True):
    """Of one session, from before anything of it leaves this machine until it is brought home.

    Args:
        slug: of its kernel.
        limit: seconds after which Kaggle is to end it.
        is_first: whether it is left to Kaggle which image it runs in.
        mounts: whether it mounts the output of the session before.
        version: the one that was last seen.
        state: what it was then.
        since: when it was first seen to be that, in seconds of the epoch.
    """

    slug: str
    limit: float | None = None
    is_first: bool = False
    mounts: bool = False
    version: int = 0
    state: str = ""
    since: float = 0.0


class Remembered(msgspec.Struct, frozen=True):
    """Of one kernel.

    Args:
        image: the full name of the image that its first session ran in.
        mounts_itself: whether nothing is known against mounting the output of the session before.
        empty: the key of the latest session of which nothing came, though it was waited for.
    """

    image: str | None = None
    mounts_itself: bool = True
    empty: str | None = None


class Notes:
    """Remembers in a file for each session and for each kernel.

    Args:
        folder: of those files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, key: str, metadata: Mapping[str, Any]) -> None:
        """Note a session that is about to be submitted with `metadata`."""
        is_first = metadata.get("docker_image_pinning_type") == ORIGINAL
        limit, mounts = metadata["session_timeout_seconds"], bool(metadata["kernel_sources"])
        noted = Noted(metadata["id"], limit, is_first, mounts)
        files.write_json(self._session(key), msgspec.to_builtins(noted))

    def note_again(self, key: str, noted: Noted) -> None:
        """Note a session that was submitted elsewhere; what is noted of it already stays."""
        if self.noted(key) is None:
            files.write_json(self._session(key), msgspec.to_builtins(noted))

    def noted(self, key: str) -> Noted | None:
        """What was noted of a session; None of one of which nothing ever left this machine."""
        try:
            return msgspec.convert(files.read_json(self._session(key)), Noted)
        except FileNotFoundError:
            return None

    def seconds_seen(self, handle: Handle, state: State) -> float:
        """Seconds since a session was first seen in a state, by whichever command; it is in that state now."""
        noted, now = self.noted(handle.key), time.time()
        if noted is None:
            return 0.0
        if (noted.version, noted.state) != (handle.version, state):
            noted = msgspec.structs.replace(noted, version=handle.version, state=str(state), since=now)
            files.write_json(self._session(handle.key), msgspec.to_builtins(noted))
        return max(0.0, now - noted.since)

    def forget(self, key: str) -> None:
        """Forget a session."""
        self._session(key).unlink(missing_ok=True)

    def of(self, slug: str) -> Remembered:
        """What is known of a kernel; what cannot be read was never there."""
        with contextlib.suppress(OSError, ValueError, msgspec.ValidationError):
            return msgspec.convert(files.read_json(self._kernel(slug)), Remembered)
        return Remembered()

    def keep_image(self, kernel: Kernel, handle: Handle) -> None:
        """Have later sessions run in the image of a job's first one, which Kaggle may replace any day."""
        noted = self.noted(handle.key)
        with contextlib.suppress(BackendError):
            if noted is not None and noted.is_first and (image := kernel.image(handle)):
                self._keep(handle.slug, msgspec.structs.replace(self.of(handle.slug), image=image))

    def keep_empty(self, kernel: Kernel, handle: Handle) -> None:
        """Remember a session of which nothing came, and whether it is because it did not find what it was to mount.

        Then later sessions are sent everything, instead of mounting the output of the one before, or what was sent
        to others.
        """
        noted = self.noted(handle.key)
        self._keep(handle.slug, msgspec.structs.replace(self.of(handle.slug), empty=handle.key))
        with contextlib.suppress(BackendError):
            if noted is None or NOT_MOUNTED not in kernel.printed(handle):
                return
            lose(self._folder, handle.slug)
            if noted.mounts:
                self._keep(handle.slug, msgspec.structs.replace(self.of(handle.slug), mounts_itself=False))

    def _keep(self, slug: str, remembered: Remembered) -> None:
        if remembered != self.of(slug):
            self._kernel(slug).parent.mkdir(parents=True, exist_ok=True)
            files.write_json(self._kernel(slug), msgspec.to_builtins(remembered))

    def _session(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _kernel(self, slug: str) -> Path:
        return self._folder / "kernels" / f"{slug}.json"
