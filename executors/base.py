"""What an executor is: nine calls behind which a script runs in a folder laid out as on Kaggle.

A backend gives it a session's package, the emulator of Kaggle a pushed kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from contract.states import State
    from contract.storage.coming_back import ComingBack


@dataclass(frozen=True)
class Status:
    """An executor's or a backend's answer.

    Args:
        state: where the workload stands.
        exit_code: of its process, where that is known.
        reason: why it failed or was cancelled, or what it waits for, in half a sentence.
        is_ending: whether it has ended, though the state does not say so yet: an answer is to come soon.
    """

    state: State
    exit_code: int | None = None
    reason: str | None = None
    is_ending: bool = False


@dataclass(frozen=True)
class Workload:
    """A script to run once, and what it is to find.

    Args:
        name: of its sandbox, and the handle for every other call: a-z, 0-9 and -, 63 characters at most.
        script: the file that becomes `kaggle/src/script.py`.
        inputs: what is mounted, read-only: folders by their path below `kaggle/input`, with `/` between its parts.
        environment: variables beside those of a batch run; no secret belongs here.
        internet: whether it may reach the network, where the executor can tell.
        gpu: whether it needs one.
        limit_seconds: after which it is killed, or None.
        data: as `inputs`, of folders that may be large: an executor that can links their files.
    """

    name: str
    script: Path
    inputs: Mapping[str, Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    internet: bool = False
    gpu: bool = False
    limit_seconds: float | None = None
    data: Mapping[str, Path] = field(default_factory=dict)


class Closeable(Protocol):
    """What may hold something open, and is used `with` that in mind: whoever derives from it writes `close` only."""

    def close(self) -> None:
        """Let go of what is open here; what runs goes on. Closing twice is closing once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Executor(Closeable, Protocol):
    """Where scripts run; what it runs outlives this process, and `close` lets go of what this process holds of it.

    Each call may raise BackendUnreachableError, each that takes the name of a workload SessionLostError
    where there is no sandbox of that name.
    """

    def start(self, workload: Workload) -> None:
        """Lay out the sandbox and start the script; a sandbox starts one script, and that once at most."""

    def has(self, name: str) -> bool:
        """Whether the workload of that name was ever started here, or is about to be; raises no SessionLostError."""

    def status(self, name: str) -> Status:
        """Where it stands."""

    def logs(self, name: str, offset: int) -> bytes:
        """What it has printed from byte `offset` on."""

    def fetch(self, name: str, folder: Path, coming: ComingBack | None = None) -> None:
        """Copy the files of `kaggle/working` into `folder`; what is there already may be kept.

        Args:
            name: of the workload.
            folder: where they go.
            coming: decides which, and is told what stays behind; all of them come if not given.
        """

    def stop(self, name: str) -> None:
        """Ask it to stop by itself; it may take its time."""

    def kill(self, name: str) -> None:
        """End it at once, with every process that it started."""

    def remove(self, name: str) -> None:
        """Forget it, and all that is still held of it."""
