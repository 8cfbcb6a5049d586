"""Checkpoints of a hostile session: whatever it breaks, the sizes, CRCs and digests around it are right."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from contract.storage.layout import RECORD_MEMBER
from tests.restore.conftest import make_record
from tests.restore.fuzz.zips import Entry, Packed, packed

if TYPE_CHECKING:
    from collections.abc import Mapping

PARENT = {"session": "0001", "timesteps": 16, "sha256": "1" * 64}
REPLAY = {
    "kind": "ReplayBuffer",
    "capacity": 64,
    "fields": [{"name": "rewards", "dtype": "<f4", "shape": [1]}, {"name": "dones", "dtype": "<f4", "shape": [1]}],
    "segments": [
        {"bytes": 256, "sha256": "2" * 64, "first_row": 0, "rows": 32, "compression": "none"},
        {"bytes": 100, "sha256": "3" * 64, "first_row": 32, "rows": 20, "compression": "zlib"},
    ],
}


@dataclass(frozen=True)
class Sound:
    """What a sound checkpoint holds.

    Args:
        members: all but the record.
        algorithm: the one that wrote them.
        parameters: the shapes of the policy's tensors.
    """

    members: Mapping[str, bytes]
    algorithm: str
    parameters: Mapping[str, tuple[int, ...]]

    def but(self, **members: bytes) -> Sound:
        """With some members of other content, or more of them."""
        return replace(self, members={**self.members, **members})


def record_of(sound: Sound, **changes: Any) -> dict[str, Any]:
    """The record of a checkpoint, with every field filled."""
    values = {
        "parameters": dict(sound.parameters),
        "training": {"algorithm": sound.algorithm},
        "parent": PARENT,
        "replay": REPLAY,
        "resume": {"exact": False, "reasons": ["the environment gives no state"], "changes": []},
        "best_mean_reward": 21.5,
    }
    document: dict[str, Any] = json.loads(json.dumps(make_record(dict(sound.members), **(values | changes))))
    return document


def with_record(sound: Sound, record: bytes) -> Packed:
    """The members beside a record of any bytes."""
    return packed({RECORD_MEMBER: record, **sound.members})


def signed(sound: Sound, *more: Entry, **changes: Any) -> Packed:
    """The members and `more` of them, all listed as they are in a record with these changes."""
    listed = {entry.name.decode("utf-8", "surrogateescape"): entry.content for entry in more}
    everything = replace(sound, members={**sound.members, **listed})
    sealed = with_record(sound, json.dumps(record_of(everything, **changes)).encode())
    return replace(sealed, entries=(*sealed.entries, *more))
