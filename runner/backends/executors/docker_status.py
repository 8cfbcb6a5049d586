"""Where a workload stands, from what the engine says of its container."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from runner.backends.base import State, Status
from trainer.files import human_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ENTRY_MARK = b"@entry "
"""Begins the line in which the container's entry says why it ended the script."""
ENTRY_CODES = frozenset({123, 124, 126})
"""Its exit codes for that; see docs/docker.md."""
KILLED = 128 + 9
_RUNNING = frozenset({"running", "paused", "restarting"})
_CANCELLED = {128 + signal.SIGTERM: "SIGTERM", 128 + signal.SIGINT: "SIGINT"}


def was_started(container: Mapping[str, Any]) -> bool:
    """Whether the container ever ran."""
    return bool(container["State"]["Status"] != "created")


def status_of(container: Mapping[str, Any], last_words: Callable[[], bytes]) -> Status:
    """Where a workload stands.

    Args:
        container: as the engine describes it.
        last_words: gives the end of its log.
    """
    state = container["State"]
    if state["Status"] in _RUNNING:
        return Status(State.RUNNING)
    if not was_started(container):
        return Status(State.FAILED, None, state.get("Error") or "its container was never started")
    code = int(state["ExitCode"])
    if code == 0:
        return Status(State.COMPLETE, code)
    if code in _CANCELLED and not state.get("OOMKilled"):
        return Status(State.CANCELLED, code, f"asked to stop ({_CANCELLED[code]})")
    return Status(State.FAILED, code, _why_it_failed(container, code, last_words))


def _why_it_failed(container: Mapping[str, Any], code: int, last_words: Callable[[], bytes]) -> str:
    state = container["State"]
    if state.get("OOMKilled"):
        limit = human_bytes(int(container["HostConfig"]["Memory"]))
        return f"it ran out of memory at {limit}: raise `docker.memory` in jobs.yaml"
    if code in ENTRY_CODES and (words := _of_entry(last_words())):
        return words
    if code == KILLED:
        return "it was killed (SIGKILL), or the engine's machine went down"
    return state.get("Error") or f"exit code {code}"


def _of_entry(log: bytes) -> str | None:
    """The last sentence of the entry in a log."""
    said = [line for line in log.splitlines() if line.startswith(ENTRY_MARK)]
    return said[-1].removeprefix(ENTRY_MARK).decode(errors="replace") if said else None
