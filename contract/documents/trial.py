"""What the trial of a job found, as the trainer says it and the runner remembers it."""

from __future__ import annotations

from typing import Any

import msgspec

from contract.documents.typed_json import Value


class Memory(Value, frozen=True, kw_only=True):
    """Bytes that a training takes: of its full replay buffer, of a rollout, of its networks."""

    replay: int
    rollout: int
    networks: int


class Tried(Value, frozen=True, kw_only=True):
    """What came of trying a job; the trainer writes it as `contract.documents.session.Tried`.

    Args:
        observation_space, action_space, parameters: as a checkpoint of it would state them.
        memory: what a session of it needs.
        notes: what is to be known, and stops nothing, a sentence each.
    """

    observation_space: dict[str, Any]
    action_space: dict[str, Any]
    parameters: dict[str, tuple[int, ...]]
    memory: Memory
    notes: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """What a checkpoint is compared with, as JSON."""
        described: dict[str, Any] = msgspec.to_builtins(self)
        return {name: described[name] for name in ("observation_space", "action_space", "parameters")}
