"""The package stage: from which checkpoint a session goes on, and which job it refuses."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from contract.errors import CheckpointError, IncompatibleError, InputError, UnavailableError
from contract.storage import files, layout
from contract.storage.layout import Artifacts
from runner.backends.kaggle.kernels.metadata import METADATA_FILE
from runner.lineage import Phase
from runner.preflight import trial
from runner.preflight.verdict import judge
from runner.stages import wiring
from runner.workspace import LiveSession, Workspace
from tests.project import cart_pole
from tests.runner.conftest import FITS, JobOnDisk, as_wanted, write, write_jobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from contract.documents.trial import Tried

SPACES = FITS.described()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project with one job, of which nothing has run."""
    write_jobs(tmp_path, cart=cart_pole())
    return Workspace(tmp_path)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[Tried]:
    """What the trials of a job find, one after the other."""
    found: list[Tried] = []
    monkeypatch.setattr(trial, "try_job", lambda *_job: found.pop(0))
    return found


def next_session(workspace: Workspace) -> LiveSession:
    """The session to come."""
    (live,) = workspace.live_sessions(workspace.plan("cart", "full"))
    return live


def restored(workspace: Workspace, cart: JobOnDisk, **changes: Any) -> None:
    """Session 1, which reached 128 timesteps and kept a checkpoint at 64."""
    cart.add(Phase.RESTORED, timesteps=128, fallbacks=[cart.checkpoint(1, 64)], **{**as_wanted(workspace), **changes})
    document = files.read_json(cart.runs.session("cart", 1).restored_json)
    document["checkpoint"] |= SPACES
    write(cart.runs.session("cart", 1).restored_json, document)


def test_a_first_session_has_no_parent(workspace: Workspace, cart: JobOnDisk) -> None:
    live = next_session(workspace)
    wiring.package(workspace, live)
    request = files.read_json(live.folder.request)
    assert (request["session"], request["goal"], request["profile"]) == ("0001", 256, "full")
    assert request["parent"] is None
    assert request["lineage"] == cart.lineage.generation == 1
    assert not (live.folder.payload / layout.PARENT_CHECKPOINT).exists()


def test_the_next_one_carries_the_newest_checkpoint(workspace: Workspace, cart: JobOnDisk) -> None:
    restored(workspace, cart)
    live = next_session(workspace)
    wiring.package(workspace, live)
    assert (live.folder.payload / layout.PARENT_CHECKPOINT).read_bytes() == b"checkpoint at 128"
    reference = files.read_json(cart.runs.session("cart", 1).restored_json)["checkpoint"]
    assert files.read_json(live.folder.request)["parent"] == {
        "session": "0001",
        "timesteps": 128,
        "sha256": reference["sha256"],
    }


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"CHECKPOINT at 128"),
        lambda path: path.write_bytes(b"checkpoint at 12"),
    ],
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(
    workspace: Workspace, cart: JobOnDisk, damage: Callable[[Path], object], capfd: pytest.CaptureFixture[str]
) -> None:
    restored(workspace, cart)
    damage(cart.runs.session("cart", 1).artifacts / "checkpoints" / "cart_checkpoint_128_steps.zip")
    live = next_session(workspace)
    wiring.package(workspace, live)
    assert (live.folder.payload / layout.PARENT_CHECKPOINT).read_bytes() == b"checkpoint at 64"
    assert files.read_json(live.folder.request)["parent"]["timesteps"] == 64
    said = capfd.readouterr().out
    assert "[CHECKPOINT] Refused 0001/artifacts/checkpoints/cart_checkpoint_128_steps.zip: " in said
    assert "cart_checkpoint_64_steps.zip at 64 timesteps instead" in said


@pytest.mark.parametrize(
    ("execution", "sessions", "is_mounted"),
    [
        ({}, 1, True),
        ({"state": "FAILED"}, 1, False),
        ({"backend": "local"}, 1, False),
        ({}, 2, False),
    ],
)
def test_a_parent_is_read_from_kaggles_copy_if_it_is_the_output_of_the_session_before(
    tmp_path: Path, cart: JobOnDisk, execution: dict[str, Any], sessions: int, is_mounted: bool
) -> None:
    write_jobs(tmp_path, cart=cart_pole(backend="kaggle", kaggle={"carry_parent": "kernel"}))
    workspace = Workspace(tmp_path)
    handle = f"relay-cart/1/{'ab' * 32}"
    restored(workspace, cart, execution={"backend": "kaggle", "state": "COMPLETE", "handle": handle} | execution)
    if sessions > 1:  # one that left nothing, and is the kernel's latest version
        reference = files.read_json(cart.runs.session("cart", 1).restored_json)["checkpoint"]
        cart.add(Phase.RESTORED, parent=reference, **as_wanted(workspace))
    live = next_session(workspace)
    wiring.package(workspace, live)
    assert files.read_json(live.folder.package / METADATA_FILE)["kernel_sources"] == (
        ["relay-cart"] if is_mounted else []
    )
    assert (live.folder.payload / layout.PARENT_CHECKPOINT).exists()
    brought = [path.name for path in live.folder.payload.glob(f"*{layout.PACKAGE_SUFFIX}")]
    assert len(brought) == 2, "what Kaggle's image lacks"


def with_replay(cart: JobOnDisk, **rows: bytes) -> dict[str, Path]:
    """Session 1 with a replay buffer at each of its checkpoints: the rows that only one has, and shared ones."""
    folder = cart.runs.session("cart", 1)
    replay = Artifacts(folder.artifacts, "cart").replay
    paths = {name: replay / layout.segment_name(files.sha256_of_bytes(content)) for name, content in rows.items()}
    document = files.read_json(folder.restored_json)
    for reference, own in ((document["checkpoint"], "newest"), (document["fallbacks"][0], "earlier")):
        contents = (rows["shared"], rows[own])
        reference["replay"] = {
            "folder": "0001/artifacts/checkpoints/replay",
            "bytes": sum(map(len, contents)),
            "segments": [{"sha256": files.sha256_of_bytes(each), "bytes": len(each)} for each in contents],
        }
    for name, content in rows.items():
        files.write_bytes(paths[name], content)
    write(folder.restored_json, document)
    return paths


def test_the_replay_buffer_of_the_checkpoint_travels_along(workspace: Workspace, cart: JobOnDisk) -> None:
    restored(workspace, cart)
    paths = with_replay(cart, shared=b"shared", newest=b"newest", earlier=b"earlier")
    live = next_session(workspace)
    wiring.package(workspace, live)
    carried = {path.name for path in (live.folder.payload / layout.REPLAY_FOLDER).iterdir()}
    assert carried == {paths["shared"].name, paths["newest"].name}


def test_a_checkpoint_whose_replay_buffer_is_damaged_is_named_and_the_one_before_it_taken(
    workspace: Workspace, cart: JobOnDisk, capfd: pytest.CaptureFixture[str]
) -> None:
    restored(workspace, cart)
    paths = with_replay(cart, shared=b"shared", newest=b"newest", earlier=b"earlier")
    paths["newest"].write_bytes(b"NEWEST")
    live = next_session(workspace)
    wiring.package(workspace, live)
    assert (live.folder.payload / layout.PARENT_CHECKPOINT).read_bytes() == b"checkpoint at 64"
    carried = {path.name for path in (live.folder.payload / layout.REPLAY_FOLDER).iterdir()}
    assert carried == {paths["shared"].name, paths["earlier"].name}
    file = "0001/artifacts/checkpoints/cart_checkpoint_128_steps.zip"
    problem = f"its replay segment {paths['newest'].name[:12]}… has another sha256 than when it was adopted"
    assert f"[CHECKPOINT] Refused {file}: {problem}" in capfd.readouterr().out


def test_rows_that_every_checkpoint_needs_leave_none_to_go_on_from(workspace: Workspace, cart: JobOnDisk) -> None:
    restored(workspace, cart)
    with_replay(cart, shared=b"shared", newest=b"newest", earlier=b"earlier")["shared"].unlink()
    live = next_session(workspace)
    with pytest.raises(
        CheckpointError, match=r"no checkpoint is intact any more \(.*segment .* is missing; .*missing\)"
    ):
        wiring.package(workspace, live)
    assert not live.folder.path.exists()


def test_a_planned_parent_that_has_no_checkpoint_any_more_is_no_start_at_zero(
    workspace: Workspace, cart: JobOnDisk
) -> None:
    restored(workspace, cart)
    live = next_session(workspace)
    document = files.read_json(cart.runs.session("cart", 1).restored_json)
    write(cart.runs.session("cart", 1).restored_json, document | {"checkpoint": None, "fallbacks": []})
    with pytest.raises(
        CheckpointError, match=r"session 0001 has no checkpoint any more to go on from; .*doit fresh:cart"
    ):
        wiring.package(workspace, live)
    assert not live.folder.path.exists()


def test_without_any_intact_checkpoint_nothing_starts_at_zero_unasked(workspace: Workspace, cart: JobOnDisk) -> None:
    restored(workspace, cart)
    for path in (cart.runs.session("cart", 1).artifacts / "checkpoints").iterdir():
        path.unlink()
    live = next_session(workspace)
    with pytest.raises(CheckpointError, match=r"no checkpoint is intact any more .* or run `doit fresh:cart`"):
        wiring.package(workspace, live)
    assert not live.folder.path.exists()


@pytest.mark.parametrize(("content", "carried"), [(b"best", True), (b"tampered", False)])
def test_the_best_model_so_far_travels_along_if_it_is_intact(
    workspace: Workspace, cart: JobOnDisk, content: bytes, carried: bool
) -> None:
    restored(workspace, cart)
    folder = cart.runs.session("cart", 1)
    document = files.read_json(folder.restored_json)
    best = cart.checkpoint(1, 96)
    write(folder.restored_json, document | {"best_model": best})
    (cart.runs.job("cart") / best["file"]).write_bytes(b"checkpoint at 96" if content == b"best" else content)
    live = next_session(workspace)
    wiring.package(workspace, live)
    assert (live.folder.payload / layout.PARENT_BEST_MODEL).exists() is carried


def test_a_sealed_package_is_left_as_it_is(workspace: Workspace, cart: JobOnDisk) -> None:
    live = next_session(workspace)
    wiring.package(workspace, live)
    sealed = live.folder.package_json.read_bytes()
    write_jobs(cart.runs.root, cart=cart_pole(seed=6))
    wiring.package(workspace, dataclasses.replace(live, plan=Workspace(cart.runs.root).plan("cart", "full")))
    assert live.folder.package_json.read_bytes() == sealed


@pytest.mark.parametrize("change", [{"env": {"id": "CartPole-v1", "n_envs": 4}}, "sources"])
def test_an_environment_or_sources_that_changed_are_tried_before_anything_is_spent(
    workspace: Workspace, cart: JobOnDisk, trials: list[Tried], change: Any
) -> None:
    if change == "sources":
        restored(workspace, cart, sources={"content": "other", "meaning": "other", "python": "3.12"})
    else:
        restored(workspace, cart)
        write_jobs(cart.runs.root, cart=cart_pole(**change))
    changed = Workspace(cart.runs.root)
    live = next_session(changed)
    trials[:] = [msgspec.structs.replace(FITS, observation_space={"text": "Box(6,)"}), FITS]
    there = r"observation_space is Box\(4,\) in the checkpoint of session 0001"
    sentence = rf"^job cart: {there} and Box\(6,\) in the job; run `doit fresh:cart` to archive"
    with pytest.raises(IncompatibleError, match=sentence):
        wiring.package(changed, live)
    assert not live.folder.path.exists()
    changed.runs.cache("trials").unlink()
    wiring.package(Workspace(cart.runs.root), live)
    assert live.folder.package_json.exists()
    assert trials == []


def test_nothing_is_compared_where_neither_changed(workspace: Workspace, cart: JobOnDisk, trials: list[Tried]) -> None:
    restored(workspace, cart)
    trials[:] = [msgspec.structs.replace(FITS, observation_space={"text": "Box(6,)"})]
    live = next_session(workspace)
    wiring.package(workspace, live)
    assert live.folder.package_json.exists()


def test_a_job_is_tried_once_however_often_it_is_asked_about(
    workspace: Workspace, cart: JobOnDisk, trials: list[Tried]
) -> None:
    trials[:] = [FITS]
    for _ in range(2):
        judge(workspace, workspace.plan("cart", "full"))
    wiring.package(workspace, next_session(workspace))
    assert trials == []
    write_jobs(cart.runs.root, cart=cart_pole(seed=6, total_timesteps=512))
    judge(Workspace(cart.runs.root), Workspace(cart.runs.root).plan("cart", "full"))
    write_jobs(cart.runs.root, cart=cart_pole(env={"id": "CartPole-v1", "n_envs": 3}))
    trials[:] = [FITS]
    judge(Workspace(cart.runs.root), Workspace(cart.runs.root).plan("cart", "full"))
    assert trials == []


def test_what_is_refused_uses_no_number_and_is_tried_again(
    workspace: Workspace, cart: JobOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_job: Any) -> Tried:
        raise InputError("environment Nowhere-v0", "is not known", "write CartPole-v1")

    live = next_session(workspace)
    with monkeypatch.context() as mistaken:
        mistaken.setattr(trial, "try_job", refuse)
        for _ in range(2):
            with pytest.raises(InputError, match="is not known; write CartPole-v1"):
                wiring.package(workspace, live)
    assert not cart.runs.job("cart").exists()
    wiring.package(workspace, live)
    assert live.folder.number == "0001"


@pytest.mark.parametrize(("backend", "is_refused"), [("local", True), ("docker", False), ("kaggle", False)])
def test_what_only_this_machine_may_lack_is_said_and_refused_where_it_would_run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, is_refused: bool
) -> None:
    def lack(*_job: Any) -> Tried:
        raise UnavailableError("environment sumo_rl:Crossing-v0", "there is no module sumo_rl", "install it")

    write_jobs(tmp_path, cart=cart_pole(backend=backend))
    monkeypatch.setattr(trial, "try_job", lack)
    workspace = Workspace(tmp_path)
    plan = workspace.plan("cart", "full")
    if is_refused:
        with pytest.raises(InputError, match="there is no module sumo_rl; install it"):
            judge(workspace, plan)
        return
    (note,) = judge(workspace, plan).notes
    place = f"this machine, which may lack what the {backend} backend has, and is tried there first: "
    assert note.startswith(f"it could not be tried on {place}")
    assert note.endswith("there is no module sumo_rl; install it")
