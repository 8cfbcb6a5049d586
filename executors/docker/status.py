"""Where a workload stands, from what the engine says of its container."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from contract.events import MARK
from contract.states import State
from contract.storage.files import human_bytes
from executors.base import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ENTRY_MARK = "@entry "
"""Begins the line in which the container's entry says why it ended the script."""
ENTRY_CODES = frozenset({123, 124, 126})
"""Its exit codes for that; see docs/docker.md."""
KILLED = 128 + 9
LONGEST_LAST_WORDS = 300
_RUNNING = frozenset({"running", "paused", "restarting"})
_CANCELLED = {128 + signal.SIGTERM: "SIGTERM", 128 + signal.SIGINT: "SIGINT"}


def was_started(container: Mapping[str, Any]) -> bool:
    """Whether the container ever ran."""
    return bool(container["State"]["Status"] != "created")


def workload_status(container: Mapping[str, Any], last_words: Callable[[], bytes]) -> Status:
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
    if code == KILLED:
        return "it was killed (SIGKILL), or the engine's machine went down"
    if state.get("Error"):
        return str(state["Error"])
    lines = [each.decode(errors="replace").strip() for each in last_words().splitlines()]
    if code in ENTRY_CODES and (said := [each for each in lines if each.startswith(ENTRY_MARK)]):
        return said[-1].removeprefix(ENTRY_MARK)
    said = [each for each in lines if each and not each.startswith(MARK)]
    return f"exit code {code}: {said[-1][:LONGEST_LAST_WORDS]}" if said else f"exit code {code}"
