"""The three levels of checkpoints: how they are named, which are kept, and what they say of themselves."""

from __future__ import annotations

import io
import os
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.session import CheckpointRecord, Parent
from contract.libraries import library_versions
from contract.storage import files, layout
from contract.storage.layout import Artifacts, checkpoint_name
from restore.integrity import inspect_checkpoint
from tests.trainer.conftest import JOB, ROLLOUT, job_values, record_of, state_of
from trainer import evaluation
from trainer.checkpoint import zip_file
from trainer.checkpoint.zip_file import Contents, file_entry, pack, rotate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.trainer.conftest import Ended, Relay


def scripted(monkeypatch: pytest.MonkeyPatch, *means: float) -> None:
    """Let the evaluations to come give these means."""
    left: Iterator[float] = iter(means)

    def played(*_args: object) -> evaluation.Episodes:
        mean = next(left)
        return evaluation.Episodes(mean, (mean,), (1,))

    monkeypatch.setattr(evaluation.Evaluator, "measure", played)


def test_rotation_keeps_the_newest_two_by_number_whatever_their_age(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path, JOB)
    artifacts.checkpoints.mkdir()
    others = [checkpoint_name("other", 5), f"{JOB}_checkpoint_5_steps.zip.part", f"{files.TEMPORARY_PREFIX}1"]
    numbers = (900, 1000, 99, 10_000, 100)
    for age, name in enumerate([*(checkpoint_name(JOB, number) for number in numbers), *others]):
        path = artifacts.checkpoints / name
        path.touch()
        os.utime(path, (10**9 - age, 10**9 - age))
    removed = rotate(artifacts)
    assert [path.name for path in removed] == [checkpoint_name(JOB, number) for number in (99, 100, 900)]
    left = {path.name for path in artifacts.checkpoints.iterdir()}
    assert left == {checkpoint_name(JOB, 1000), checkpoint_name(JOB, 10_000), *others}
    assert rotate(artifacts) == []


def test_a_session_keeps_two_checkpoints_and_lists_no_other(relay: Relay) -> None:
    ended = relay.session(job_values(save_freq=ROLLOUT))
    assert ended.steps == [64, 80]
    assert sorted(ended.manifest.files) == [
        "balance_final.zip",
        "checkpoints/balance_checkpoint_64_steps.zip",
        "checkpoints/balance_checkpoint_80_steps.zip",
        "training_metadata.json",
        "training_metrics.jsonl",
    ]
    assert [record_of(path).timesteps for path in ended.artifacts.checkpoints_by_timesteps().values()] == [64, 80]


def test_the_best_model_is_replaced_on_improvement_only(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, 1.0, 3.0, 3.0, 2.0, 2.5)
    ended = relay.session(job_values(eval={"frequency": ROLLOUT}))
    assert [event["improved"] for event in ended.events("evaluation")] == [True, True, False, False, False]
    best = record_of(ended.artifacts.best_model)
    assert (best.kind, best.timesteps, best.best_mean_reward) == ("best", 32, 3.0)
    assert ended.metadata.best_mean_reward == 3.0
    inspect_checkpoint(ended.artifacts.best_model, job=JOB, expected=None, max_bytes=1 << 20)


def test_the_best_so_far_is_that_of_the_whole_chain(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_values(eval={"frequency": ROLLOUT})
    scripted(monkeypatch, -1.0, -5.0)
    first = relay.session(job, stop_after=2)
    scripted(monkeypatch, -2.0, -1.5, -0.5)
    second = relay.session(job, first)
    assert [event["improved"] for event in second.events("evaluation")] == [False, False, True]
    assert record_of(first.artifacts.best_model).timesteps == 16
    assert record_of(second.artifacts.best_model).timesteps == 80


@pytest.fixture
def ended(relay: Relay) -> Ended:
    return relay.session(job_values(env={"id": "CartPole-v1", "n_envs": 2}, total_timesteps=4 * ROLLOUT))


def test_a_checkpoint_describes_itself(ended: Ended) -> None:
    record = record_of(ended.latest)
    assert record.training == {
        name: ended.metadata.job[name]
        for name in ("env", "algorithm", "policy", "hyperparameters", "seed", "device", "threads")
    }
    assert record.libraries == library_versions()
    assert record.resume.exact
    assert record.observation_space["shape"] == [4]
    assert record.action_space == {"kind": "Discrete", "text": "Discrete(2)", "shape": []}
    assert record.parameters["mlp_extractor.policy_net.0.weight"] == (8, 4)
    assert record.mean_reward == ended.metadata.mean_reward is not None


def test_a_checkpoint_is_one_uncompressed_zip_without_times(ended: Ended) -> None:
    with zipfile.ZipFile(ended.latest) as packed:
        assert packed.namelist()[0] == layout.RECORD_MEMBER
        assert {layout.STATE_MEMBER, layout.POLICY_MEMBER, layout.OPTIMIZER_MEMBER} < set(packed.namelist())
        assert {(each.date_time, each.compress_type) for each in packed.infolist()} == {((1980, 1, 1, 0, 0, 0), 0)}


def test_equal_contents_give_equal_bytes(ended: Ended) -> None:
    record = record_of(ended.latest)
    members = {"data": b"{}", "policy.pth": b"tensors"}
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w") as theirs:
        for name, content in members.items():
            theirs.writestr(name, content)
    contents = Contents(saved.getvalue(), b"state")
    assert contents.held_bytes == len(saved.getvalue()) + len(b"state")
    assert pack(contents, record) == pack(contents, record)
    members[layout.STATE_MEMBER] = b"state"
    with zipfile.ZipFile(io.BytesIO(pack(contents, record))) as packed:
        assert {name: packed.read(name) for name in members} == members
        described = CheckpointRecord.model_validate_json(packed.read(layout.RECORD_MEMBER))
    assert described.members == {name: file_entry(content) for name, content in members.items()}
    assert described == record.model_copy(update={"members": described.members})


def test_a_checkpoint_passes_the_inspection_under_its_entry(ended: Ended) -> None:
    for name, entry in ended.manifest.files.items():
        path = ended.artifacts.root / name
        assert entry == file_entry(path.read_bytes())
        if path.suffix == ".zip":
            record = inspect_checkpoint(path, job=JOB, expected=entry, max_bytes=1 << 20)
            assert record.timesteps == 64


def test_a_parent_is_opened_by_what_the_request_says(relay: Relay, ended: Ended) -> None:
    request: Any = files.read_json(relay.input_after(job_values(), ended) / layout.REQUEST_FILE)
    parent = Parent.model_validate(request["parent"])
    record, state, content = zip_file.open_parent(ended.latest, parent)
    assert record == record_of(ended.latest)
    assert state.session == state_of(ended.latest).session
    assert content == ended.latest.read_bytes()
