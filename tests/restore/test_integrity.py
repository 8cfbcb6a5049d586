"""A checkpoint is sound, or one sentence says what is wrong with it: no other error, whatever the bytes."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch as th
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3 import PPO

from contract.documents.session import FileEntry
from contract.errors import CheckpointError
from contract.storage.files import sha256_of_bytes
from contract.storage.layout import OPTIMIZER_MEMBER, POLICY_MEMBER, RECORD_MEMBER, STATE_MEMBER, VARIABLES_MEMBER
from job.algorithms.registry import ALGORITHMS
from restore import integrity
from restore.integrity import inspect_checkpoint
from restore.reading import tensors
from tests.examples import some

if TYPE_CHECKING:
    from collections.abc import Callable

    from contract.documents.session import CheckpointRecord

    Members = dict[str, bytes]
    Inspect = Callable[..., CheckpointRecord]
    Pack = Callable[..., bytes]

NAME = "cartpole_checkpoint_32_steps.zip"
MAX_BYTES = 1 << 28
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "validation.md"


def refusal(inspect: Inspect, content: bytes, name: str = NAME, **arguments: Any) -> str:
    with pytest.raises(CheckpointError) as error:
        inspect(content, name, **arguments)
    assert error.value.subject == name
    assert error.value.remedy
    sentence = str(error.value)
    assert sentence.isprintable()
    assert len(sentence) < 400
    return sentence


def entry(content: bytes) -> FileEntry:
    return FileEntry(bytes=len(content), sha256=sha256_of_bytes(content))


# What is sound passes.


@pytest.mark.parametrize("algorithm", ["PPO", "A2C", "PPO with gSDE", "DQN", "SAC"])
def test_sound_checkpoints_pass(saved_models: dict[str, Members], pack: Pack, inspect: Inspect, algorithm: str) -> None:
    members = {**saved_models[algorithm], STATE_MEMBER: b""}
    content = pack(members, training={"algorithm": algorithm.partition(" ")[0]})
    record = inspect(content, expected=entry(content))
    assert record.timesteps == 32
    assert record.members.keys() == members.keys()


@pytest.mark.parametrize(("kind", "name"), [("best", "best_model.zip"), ("final", "cartpole_final.zip")])
def test_models_pass_under_their_own_names(
    members: Members, pack: Pack, inspect: Inspect, kind: str, name: str
) -> None:
    del (stateless := dict(members))[STATE_MEMBER]
    assert inspect(pack(stateless, kind=kind), name).kind == kind
    assert f"holds a {kind} model under the name of a checkpoint" in refusal(inspect, pack(members, kind=kind))


def test_what_passes_opens_in_sb3(checkpoint: bytes, inspect: Inspect) -> None:
    inspect(checkpoint)
    assert PPO.load(io.BytesIO(checkpoint), device="cpu").num_timesteps == 32


def test_a_name_that_says_nothing_is_not_held_against_it(checkpoint: bytes, inspect: Inspect) -> None:
    assert inspect(checkpoint, "parent_checkpoint.bundle", job=None).timesteps == 32


# The file.


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty (0 bytes)"),
        (b"<!DOCTYPE html><html>403", "is not a zip, a web page or message that was saved as a file: it has 24 bytes"),
        (b'{"code": 403, "message": "no"}', "a web page or message"),
        (b"\x1f\x8b\x08 gzip", "is not a zip: it has 8 bytes and begins with b'\\x1f\\x8b"),
        (b"P", "is not a zip"),
        (b"PK\x03\x04", "is not a zip: 4 bytes are fewer"),
        (b"PK\x05\x06" + bytes(18), f"lacks {RECORD_MEMBER}"),
    ],
)
def test_what_is_no_zip_is_refused(inspect: Inspect, content: bytes, sentence: str) -> None:
    assert sentence in refusal(inspect, content)


def test_size_and_digest_are_those_of_the_manifest(checkpoint: bytes, inspect: Inspect) -> None:
    longer = FileEntry(bytes=len(checkpoint) + 1, sha256="0" * 64)
    sentence = refusal(inspect, checkpoint, expected=longer)
    assert f"has {len(checkpoint):,} bytes instead of {len(checkpoint) + 1:,}: it is cut off" in sentence
    other = FileEntry(bytes=len(checkpoint), sha256="0" * 64)
    sentence = refusal(inspect, checkpoint, expected=other)
    assert f"has the sha256 {sha256_of_bytes(checkpoint)[:12]}… instead of 000000000000…" in sentence
    assert "more than the 100 allowed" in refusal(inspect, checkpoint, max_bytes=100)


def test_files_that_cannot_be_read_are_refused(checkpoint: bytes, tmp_path: Path) -> None:
    (tmp_path / "target.zip").write_bytes(checkpoint)
    (tmp_path / "link.zip").symlink_to("target.zip")
    (tmp_path / "folder.zip").mkdir()
    sentences = {"link.zip": "not a plain file", "folder.zip": "not a plain file"}
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.zip")
        sentences["pipe.zip"] = "not a plain file"
    for name, sentence in {**sentences, "absent.zip": "cannot be read", "null\0.zip": "cannot be understood"}.items():
        with pytest.raises(CheckpointError, match=sentence):
            inspect_checkpoint(tmp_path / name, job=None, expected=None, max_bytes=MAX_BYTES)


# Truncation and damage.


def boundaries(content: bytes) -> set[int]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        headers = {info.header_offset for info in archive.infolist()}
        data = {info.header_offset + 30 + len(info.filename) for info in archive.infolist()}
        ends = {start + info.file_size for start, info in zip(sorted(data), archive.infolist(), strict=True)}
        return headers | data | ends | {archive.start_dir, len(content) - 22, len(content)}


def test_truncation_at_every_boundary_is_refused(checkpoint: bytes, inspect: Inspect) -> None:
    lengths = {each + step for each in boundaries(checkpoint) for step in (-1, 0, 1)}
    lengths = {length for length in lengths if 0 <= length < len(checkpoint)}
    assert len(lengths) > 50
    for length in lengths:
        refusal(inspect, checkpoint[:length])
    assert "it is cut off" in refusal(inspect, checkpoint[: len(checkpoint) // 2])
    assert "something was added to it" in refusal(inspect, checkpoint + b"\n")


@settings(deadline=None, max_examples=some(300), database=None)
@given(data=st.data())
def test_a_flipped_bit_is_refused_or_changes_nothing(checkpoint: bytes, inspect: Inspect, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(checkpoint) * 8 - 1))
    broken = bytearray(checkpoint)
    broken[place // 8] ^= 1 << place % 8
    refusal(inspect, bytes(broken), expected=entry(checkpoint))
    try:
        record = inspect(bytes(broken))
    except CheckpointError:
        return
    # A zip's dates and permissions are nobody's business: the members are the same.
    assert record == inspect(checkpoint)


@settings(deadline=None, max_examples=some(150), database=None)
@given(data=st.data())
def test_pieces_in_the_wrong_place_are_refused(checkpoint: bytes, inspect: Inspect, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(sorted(boundaries(checkpoint)))) + data.draw(st.integers(-4, 60))
    piece = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"PK\x03\x04", b"\xff" * 4, b"\0" * 8])))
    removed = data.draw(st.integers(0, 8))
    broken = checkpoint[: max(0, place)] + piece + checkpoint[max(0, place) + removed :]
    try:
        record = inspect(broken)
    except CheckpointError:
        return
    assert record == inspect(checkpoint)


@pytest.fixture(scope="session")
def sound_parameters(members: Members, pack: Pack, inspect: Inspect) -> dict[str, Any]:
    return dict(inspect(pack(members)).model_dump(mode="json")["parameters"])


@settings(deadline=None, max_examples=some(150), database=None)
@given(data=st.data())
def test_damage_below_sound_digests_is_refused_in_one_way(
    members: Members, pack: Pack, inspect: Inspect, sound_parameters: dict[str, Any], data: st.DataObject
) -> None:
    """A hostile session signs what it breaks: sizes, CRCs and digests outside are all right."""
    name = data.draw(st.sampled_from(["data", POLICY_MEMBER, OPTIMIZER_MEMBER, VARIABLES_MEMBER]))
    broken = bytearray(members[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(broken) - 1))
        broken[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        inspect(pack({**members, name: bytes(broken)}, parameters=sound_parameters))
    except CheckpointError:
        return


# Members.


@pytest.mark.parametrize("name", ["data", POLICY_MEMBER, OPTIMIZER_MEMBER, VARIABLES_MEMBER, STATE_MEMBER])
def test_a_missing_member_is_named(
    members: Members, pack: Pack, inspect: Inspect, record_of: Any, zipped: Any, name: str
) -> None:
    rest = {each: content for each, content in members.items() if each != name}
    record = record_of(members)
    sentence = refusal(inspect, zipped({RECORD_MEMBER: json.dumps(record).encode(), **rest}))
    assert f"lacks the member '{name}', which its record lists" in sentence
    assert name in refusal(inspect, pack(rest, parameters=record["parameters"]))


@pytest.mark.parametrize("algorithm", ["PPO", "A2C", "DQN", "SAC"])
def test_the_state_of_each_optimizer_of_the_algorithm_is_there(
    saved_models: dict[str, Members], pack: Pack, inspect: Inspect, algorithm: str
) -> None:
    members = {**saved_models[algorithm], STATE_MEMBER: b""}
    optimizers = ALGORITHMS[algorithm].optimizers
    assert optimizers
    for name in optimizers:
        rest = {each: content for each, content in members.items() if each != f"{name}.pth"}
        sentence = refusal(inspect, pack(rest, training={"algorithm": algorithm}))
        assert f"lacks the state of its optimizer ({name}.pth)" in sentence


@pytest.mark.parametrize(
    ("training", "sound"),
    [
        ({"algorithm": "ARS"}, True),
        ({"algorithm": "PPO"}, False),
        ({"algorithm": "of a later version"}, False),
        ({"algorithm": ["PPO"]}, False),
        ({"algorithm": None}, False),
        ({}, False),
    ],
)
def test_only_an_algorithm_that_is_known_to_have_no_optimizer_needs_none(
    members: Members, pack: Pack, inspect: Inspect, training: dict[str, Any], *, sound: bool
) -> None:
    del (without := dict(members))[OPTIMIZER_MEMBER]
    if sound:
        inspect(pack(without, training=training))
    else:
        assert f"lacks the state of its optimizer ({OPTIMIZER_MEMBER})" in refusal(
            inspect, pack(without, training=training)
        )
    if training != {"algorithm": "PPO"}:
        inspect(pack({**without, "actor.optimizer.pth": members[OPTIMIZER_MEMBER]}, training=training))


def test_members_are_those_of_the_record(members: Members, inspect: Inspect, record_of: Any, zipped: Any) -> None:
    record = {RECORD_MEMBER: json.dumps(record_of(members)).encode()}
    assert "'evil.pth', which its record does not list" in refusal(
        inspect, zipped({**record, **members, "evil.pth": b""})
    )
    assert "has 3 bytes instead of" in refusal(inspect, zipped({**record, **members, STATE_MEMBER: b"123"}))
    swapped = members[STATE_MEMBER][::-1]
    sentence = refusal(inspect, zipped({**record, **members, STATE_MEMBER: swapped}))
    assert f"member '{STATE_MEMBER}' has the sha256 {sha256_of_bytes(swapped)[:12]}… instead of" in sentence
    assert "saved by hand" in refusal(inspect, zipped(members))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_doubled_member_is_refused(checkpoint: bytes, inspect: Inspect) -> None:
    stream = io.BytesIO(checkpoint)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(RECORD_MEMBER, b"{}")
    assert f"has the member '{RECORD_MEMBER}' twice" in refusal(inspect, stream.getvalue())


@pytest.mark.parametrize("name", ["../evil", "/evil", "C:\\evil"])
def test_names_that_leave_the_folder_are_refused(members: Members, pack: Pack, inspect: Inspect, name: str) -> None:
    assert "leads out of its folder" in refusal(inspect, pack({**members, name: b""}))


def test_bombs_and_links_are_refused(members: Members, checkpoint: bytes, inspect: Inspect, zipped: Any) -> None:
    bomb = zipped({**members, "bomb": bytes(1 << 22)}, zipfile.ZIP_DEFLATED)
    assert "is compressed (method 8)" in refusal(inspect, bomb)
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    stream = io.BytesIO(checkpoint)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    assert "is not a plain file" in refusal(inspect, stream.getvalue())
    huge = bytearray(checkpoint)
    with zipfile.ZipFile(io.BytesIO(checkpoint)) as archive:
        struct.pack_into("<2I", huge, archive.start_dir + 20, 0xFFFFFFF0, 0xFFFFFFF0)
    assert "contradicts" in refusal(inspect, bytes(huge))


# The record.


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, "was written in format 2, and format 1 is the latest that can be read here"),
        ({"format": 0}, "states the format 0 instead of 1"),
        ({"format": None}, "states the format None instead of 1"),
        ({"format": "1"}, "states the format '1' instead of 1"),
        ({"novelty": 1}, "has the unknown field 'novelty'"),
        ({"timesteps": "32"}, "wrong 'timesteps': input should be a valid integer"),
        ({"timesteps": True}, "wrong 'timesteps'"),
        ({"timesteps": -1}, "wrong 'timesteps'"),
        ({"timesteps": 33}, "holds the checkpoint at 33 timesteps, whose name is 'cartpole_checkpoint_33_steps.zip'"),
        ({"key": "x"}, "wrong 'key'"),
        ({"kind": "worst"}, "wrong 'kind'"),
        ({"members": []}, "wrong 'members'"),
        ({"mean_reward": "20"}, "wrong 'mean_reward'"),
        ({"mean_reward": float("nan")}, "NaN is not a number"),
        ({"mean_reward": float("inf")}, "Infinity is not a number"),
        ({"training": None}, "wrong 'training'"),
        ({"training": {"x": "\ud800"}}, "is not JSON that can be read"),
        ({"training": {"x": [0] * 300_000}}, "holds more than 200,000 values"),
        ({"training": {"x": "x" * (1 << 20)}}, "more than the 1,048,576 allowed"),
        ({"parameters": {"a": [1]}}, "lacks the tensor 'a'"),
        ({"resume": {"exact": True, "by": "luck"}}, "unknown field 'resume.by'"),
    ],
)
def test_a_wrong_record_is_refused(
    members: Members, pack: Pack, inspect: Inspect, changes: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(inspect, pack(members, **changes))


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b"1",
        b"{",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"format": 1e999}',
        b'{"format": 1, "format": 1}',
        b"nul",
    ],
)
def test_a_record_that_is_no_json_object_is_refused(inspect: Inspect, zipped: Any, record: bytes) -> None:
    assert RECORD_MEMBER in refusal(inspect, zipped({RECORD_MEMBER: record}))


def test_a_field_that_is_missing_is_named(members: Members, inspect: Inspect, record_of: Any, zipped: Any) -> None:
    for field in record_of(members).keys() - {"replay"}:  # which no record had before there were replay buffers
        values = {name: value for name, value in record_of(members).items() if name != field}
        sentence = refusal(inspect, zipped({RECORD_MEMBER: json.dumps(values).encode(), **members}))
        assert "format" in sentence if field == "format" else f"wrong '{field}': field required" in sentence


# What the members hold.


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "member data is not JSON"),
        (b"[]", "member data is JSON, but not an object"),
        (b"{" * 1000, "member data is not JSON"),
        (b'{"num_timesteps": 31}', "holds a model at 31 timesteps, and its record says 32"),
        (b'{"x": "' + b"x" * (16 << 20) + b'"}', "more than the 16,777,216 allowed"),
        (b"[" * (1 << 20), "holds more than 200,000 values"),
    ],
)
def test_wrong_data_is_refused(members: Members, pack: Pack, inspect: Inspect, data: bytes, sentence: str) -> None:
    assert sentence in refusal(inspect, pack({**members, "data": data}))


def changed_tensors(content: bytes, change: Callable[[Any], object]) -> bytes:
    state = th.load(io.BytesIO(content), weights_only=True)
    change(state)
    stream = io.BytesIO()
    th.save(state, stream)
    return stream.getvalue()


def test_divergence_is_refused_by_name(members: Members, pack: Pack, inspect: Inspect) -> None:
    policy = changed_tensors(members[POLICY_MEMBER], lambda state: state["action_net.bias"][1].fill_(float("nan")))
    sentence = refusal(inspect, pack({**members, POLICY_MEMBER: policy}))
    assert "in 'policy.pth': tensor 'action_net.bias' holds NaN or infinity: the training diverged" in sentence
    assert "lower learning rate" in sentence
    optimizer = changed_tensors(
        members[OPTIMIZER_MEMBER], lambda state: state["state"][0]["exp_avg"].fill_(float("inf"))
    )
    sentence = refusal(inspect, pack({**members, OPTIMIZER_MEMBER: optimizer}))
    assert "in 'policy.optimizer.pth': tensor 'state.0.exp_avg' holds NaN" in sentence


def test_the_policy_is_the_one_of_the_record(members: Members, pack: Pack, inspect: Inspect, record_of: Any) -> None:
    parameters = record_of(members)["parameters"]
    wrong = {**parameters, "action_net.bias": [3]}
    sentence = refusal(inspect, pack(members, parameters=wrong))
    assert "tensor 'action_net.bias' has the shape (2,) instead of (3,)" in sentence
    less = {name: shape for name, shape in parameters.items() if name != "action_net.bias"}
    assert "has the tensor 'action_net.bias', which the record does not" in refusal(
        inspect, pack(members, parameters=less)
    )


@pytest.mark.parametrize("name", [POLICY_MEMBER, "relay/hidden.pth"])
def test_code_in_a_torch_file_is_refused_and_not_executed(
    members: Members, pack: Pack, inspect: Inspect, record_of: Any, tmp_path: Path, name: str
) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return os.system, (f"touch {tmp_path / 'marker'}",)

    stream = io.BytesIO()
    th.save({"weight": Evil()}, stream)
    content = pack({**members, name: stream.getvalue()}, parameters=record_of(members)["parameters"])
    assert f"in '{name}': would load 'posix.system'" in refusal(inspect, content)
    assert list(tmp_path.iterdir()) == []


# Cost.


def test_a_large_checkpoint_is_read_fast_and_in_little_memory(members: Members, pack: Pack, inspect: Inspect) -> None:
    large = {f"layer.{index}": th.rand(1024, 320) for index in range(12)}
    stream = io.BytesIO()
    th.save(large, stream)
    content = pack({**members, POLICY_MEMBER: stream.getvalue()})
    assert len(content) > 15_000_000
    began = time.thread_time()  # what other processes take of the machine does not count
    inspect(content, expected=entry(content))
    assert time.thread_time() - began < 2  # 0.1 s
    tracemalloc.start()
    inspect(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(content) + 8_000_000  # the fixture itself compares the file with what it wrote


def test_the_document_states_the_limits() -> None:
    stated = DOCUMENT.read_text(encoding="utf-8")
    limits = (
        integrity.MAX_MEMBERS,
        integrity.MAX_RECORD_BYTES,
        integrity.MAX_DATA_BYTES,
        integrity.MAX_JSON_VALUES,
        tensors.MAX_PICKLE_BYTES,
        tensors.MAX_STORAGES,
    )
    assert [limit for limit in limits if not re.search(rf"(?<![\d,]){limit:,}(?![\d,])", stated)] == []
