"""What a backend is: eight calls behind which a session runs somewhere.

A new backend is one file with one class, and one line in `runner.backends.registry`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from executors.base import Status
    from runner.layout import SessionFolder


@dataclass(frozen=True)
class Check:
    """Something that a backend's user can be told before a session is spent.

    Args:
        about: what was looked at, in a few words.
        finding: what was found, in half a sentence that says what to do where something is wrong.
        is_well: whether a session could run with it.
    """

    about: str
    finding: str
    is_well: bool = True


class Backend(Protocol):
    """Where sessions execute.

    Each call may raise BackendUnreachableError, which is never a failure of the session, and each
    that takes a handle SessionLostError, after which the run goes on from what it has.
    """

    name: str

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

    def fetch(self, handle: str, folder: Path) -> None:
        """Copy what the session left into `folder`; what is there already may be kept."""

    def cancel(self, handle: str) -> None:
        """Ask the session to stop after a last checkpoint."""

    def release(self, handle: str) -> None:
        """Forget what the backend still holds of a session whose artifacts are safe."""

    def diagnose(self) -> Iterator[Check]:
        """What a session would need of this backend, looked at one by one; spends nothing."""
