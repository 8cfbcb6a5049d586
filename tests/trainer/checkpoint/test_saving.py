"""What a session with a replay buffer leaves: checkpoints that stand alone, and segments that they share."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from contract.storage import files, layout
from contract.storage.layout import Artifacts
from tests.trainer.conftest import Ended, job_values, outcome_of, record_of
from trainer.checkpoint import replay_buffer
from trainer.checkpoint.saving import Saver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainer.conftest import Relay

STEPS = 24
DQN: dict[str, Any] = {
    "algorithm": "DQN",
    "hyperparameters": {
        "buffer_size": 3 * STEPS + 10,
        "learning_starts": 18,
        "batch_size": 8,
        "exploration_fraction": 0.01,  # of the goal, which these tests move
        "policy_kwargs": {"net_arch": [8]},
    },
    "save_freq": STEPS,
    "total_timesteps": 6 * STEPS,
}


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_buffer, "SMALLEST_SEGMENT_BYTES", 600)


def named_by(*checkpoints: Path) -> set[str]:
    """The segments that checkpoints name."""
    replays = [record_of(path).replay for path in checkpoints]
    return {layout.segment_name(each.sha256) for found in replays if found for each in found.segments}


def test_there_is_what_the_latest_two_name_and_nothing_else(relay: Relay) -> None:
    ended = relay.session(job_values(**DQN))
    older, newest = ended.artifacts.checkpoints_by_timesteps().values()
    found = {path.name: path for path in ended.artifacts.replay.iterdir()}
    assert found.keys() == named_by(older, newest)
    assert named_by(older) & named_by(newest)
    assert named_by(older) != named_by(newest)
    for name, path in found.items():
        assert name == layout.segment_name(files.sha256_of_file(path))
        entry = ended.manifest.files[f"checkpoints/replay/{name}"]
        assert (entry.bytes, layout.segment_name(entry.sha256)) == (path.stat().st_size, name)
    listed = {name for name in ended.manifest.files if name.endswith(".segment")}
    assert listed == {f"checkpoints/replay/{name}" for name in found}


@pytest.mark.parametrize("which", [0, 1], ids=["older", "newest"])
def test_either_of_the_latest_two_goes_on_alone_in_another_place(relay: Relay, tmp_path: Path, which: int) -> None:
    ended = relay.session(job_values(**DQN))
    checkpoint = list(ended.artifacts.checkpoints_by_timesteps().values())[which]
    moved = Artifacts(tmp_path / "another machine", ended.artifacts.job)
    moved.replay.mkdir(parents=True)
    shutil.copyfile(checkpoint, moved.checkpoints / checkpoint.name)
    for name in named_by(checkpoint):
        shutil.copyfile(ended.artifacts.replay / name, moved.replay / name)
    shutil.rmtree(ended.artifacts.root)
    longer = job_values(**{**DQN, "total_timesteps": 8 * STEPS})
    gone_on = relay.session(longer, Ended(0, moved, ""))
    assert gone_on.code == 0
    assert outcome_of(gone_on.latest) == outcome_of(relay.session(longer).latest)


def test_the_checkpoints_of_a_session_stand_without_its_parent(relay: Relay) -> None:
    first = relay.session(job_values(**DQN))
    job = job_values(**{**DQN, "total_timesteps": 7 * STEPS})
    folder = relay.input_after(job, first)
    shutil.rmtree(first.artifacts.root)
    second = relay.run(folder)
    shutil.rmtree(folder)
    longer = job_values(**{**DQN, "total_timesteps": 9 * STEPS})
    assert outcome_of(relay.session(longer, second).latest) == outcome_of(relay.session(longer).latest)


def test_a_save_writes_what_is_new(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    write_bytes = files.write_bytes

    def counted(target: Path, content: bytes) -> None:
        if target.suffix == ".segment":
            written.append(len(content))
        write_bytes(target, content)

    monkeypatch.setattr(files, "write_bytes", counted)
    job = job_values(**{**DQN, "total_timesteps": 12 * STEPS})
    ended = relay.session(job)
    saved = record_of(ended.latest).replay
    assert saved is not None
    row = replay_buffer.row_bytes(saved.fields)
    segment = 600 // row * row
    assert 12 * STEPS * row * 0.5 < sum(written) < 12 * STEPS * row + 12 * 2 * segment


def test_a_buffer_that_is_cut_in_another_way_is_written_anew(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    first = relay.session(job_values(**DQN))
    monkeypatch.setattr(replay_buffer, "SMALLEST_SEGMENT_BYTES", 900)
    longer = job_values(**{**DQN, "total_timesteps": 8 * STEPS})
    second = relay.session(longer, first)
    assert outcome_of(second.latest) == outcome_of(relay.session(longer).latest)


def test_the_state_that_is_saved_at_once_after_a_resume_is_the_parents(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = relay.session(job_values(**DQN))
    begin = Saver.begin

    def watched(self: Saver, *arguments: Any) -> None:
        begin(self, *arguments)
        self.submit_checkpoint("rollout_start")

    monkeypatch.setattr(Saver, "begin", watched)
    second = relay.session(job_values(**{**DQN, "total_timesteps": 6 * STEPS + 4}), first)
    assert second.code == 0
    ours, parents = outcome_of(second.artifacts.checkpoint(6 * STEPS)), outcome_of(first.latest)
    assert {name for name in parents if ours[name] != parents[name]} == {"mean_reward"}  # it is noted a moment later
