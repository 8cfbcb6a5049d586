"""A record that is not as we write it is refused, whatever else of the checkpoint is sound."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import CheckpointError
from contract.storage.layout import RECORD_MEMBER
from tests.restore.fuzz.guard import MOST_MEMORY, fuzz
from tests.restore.fuzz.json_damage import Flaw, Rules, flaws, nasty_values, other_text, places
from tests.restore.fuzz.signing import Sound, record_of, signed, with_record

if TYPE_CHECKING:
    from tests.restore.fuzz.guard import Guard

OR_NONE, OR_WHOLE = frozenset({"null"}), frozenset({"null", "integer"})
RULES = Rules(
    anything=frozenset({"training", "observation_space", "action_space"}),
    also={("mean_reward",): OR_WHOLE, ("best_mean_reward",): OR_WHOLE, ("parent",): OR_NONE, ("replay",): OR_NONE},
    optional=frozenset({("replay",), ("resume", "reasons"), ("resume", "changes"), ("libraries", "*")}),
    names=frozenset({("libraries",)}),
)
FREE = {"job", "session", "key", "goal", "training", "observation_space", "action_space", "libraries", "resume"} | {
    "mean_reward",
    "best_mean_reward",
    "parent",
    "replay",
}


def test_a_record_with_a_field_of_another_kind(guard: Guard, sound: dict[str, Sound]) -> None:
    record = record_of(sound["PPO"])
    every = flaws(record, RULES)
    assert len(every) > 1000

    @fuzz(250)
    @given(flaw=st.sampled_from(every))
    def refused(flaw: Flaw) -> None:
        content = json.dumps(flaw.of(record)).encode()
        guard.refused(with_record(sound["PPO"], content).pack())

    refused()
    guard.enough()


def test_a_record_of_other_text(guard: Guard, sound: dict[str, Sound]) -> None:
    record = record_of(sound["PPO"])

    @fuzz(120)
    @given(data=st.data())
    def refused(data: st.DataObject) -> None:
        content = other_text(data.draw, record)
        sentence = guard.refused(with_record(sound["PPO"], content).pack())
        assert RECORD_MEMBER in sentence

    refused()
    guard.enough()


def test_damage_anywhere_in_a_record(guard: Guard, sound: dict[str, Sound]) -> None:
    """Where a field is free the checkpoint may be sound, and is then what it says; nothing else is let through."""
    record = record_of(sound["PPO"])
    every = [place for place in places(record) if place]

    @fuzz(100)
    @given(data=st.data())
    def judged(data: st.DataObject) -> None:
        changed: Any = record
        for _ in range(data.draw(st.integers(1, 2))):
            place = data.draw(st.sampled_from(every))
            changed = Flaw(place, data.draw(nasty_values())).of(changed)
            every_now = set(places(changed))
            if not set(every) <= every_now:
                break
        verdict = guard.judge(with_record(sound["PPO"], json.dumps(changed).encode()).pack())
        if isinstance(verdict, CheckpointError):
            return
        assert verdict.model_dump(mode="json") == {"replay": None, **changed}
        assert all(changed[name] == record[name] for name in record if name not in FREE)

    judged()
    guard.enough()


@pytest.mark.parametrize(
    "changes",
    [
        {"format": True},
        {"format": 10**290},
        {"timesteps": 10**290},
        {"members": {"data": {"bytes": 10**290, "sha256": "0" * 64}}},
        {"parameters": {"action_net.bias": [1] * 100_000}},
        {"parameters": {"action_net.bias": [10**250]}},
        {"mean_reward": 10**310},
        {"goal": 10**4290},
        {"training": {"seed": 10**4290}},
        {"job": "x" * 2_000_000},
        {"resume": {"exact": True, "reasons": ["x"] * 300_000}},
        {"libraries": {"x" * 100_000: 1}},
    ],
)
def test_what_has_no_end_is_said_in_a_sentence(guard: Guard, sound: dict[str, Sound], changes: dict[str, Any]) -> None:
    record = record_of(sound["PPO"])
    for name, value in changes.items():
        record[name] = {**record[name], **value} if isinstance(value, dict) else value
    guard.refused(with_record(sound["PPO"], json.dumps(record).encode()).pack(), MOST_MEMORY)


@pytest.mark.parametrize("timesteps", [None, 31, 33, 32.0, 32.5, "32", True, [32], {"32": 32}, 10**4290, -32])
def test_data_states_the_timesteps_of_the_record(guard: Guard, sound: dict[str, Sound], timesteps: Any) -> None:
    data = json.loads(sound["PPO"].members["data"])
    changed = json.dumps(data | {"num_timesteps": timesteps}).encode()
    assert "holds a model at" in guard.refused(signed(sound["PPO"].but(data=changed)).pack())
    del data["num_timesteps"]
    guard.refused(signed(sound["PPO"].but(data=json.dumps(data).encode())).pack())


@pytest.mark.parametrize("text", ["[" * 100_000, "[0" + ",0" * 1_000_000 + "]", '{"a":' * 50_000, "9" * 5_000, ""])
def test_data_without_end_fills_no_memory(guard: Guard, sound: dict[str, Sound], text: str) -> None:
    for data in (text, f'{{"num_timesteps": {text}}}'):
        guard.refused(signed(sound["PPO"].but(data=data.encode())).pack(), MOST_MEMORY)
