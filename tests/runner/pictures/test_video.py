"""The best agent of a job as a video."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from contract.errors import CheckpointError, InputError, UnavailableError
from runner.acting.choosing import best_agent
from runner.acting.order import Order, VideoMade, VideoOrder
from runner.pictures.encoding import EncoderError, Gif, Mp4, mp4_encoder
from runner.pictures.recording import record
from tests.project import Project, cart_pole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from runner.layout import RunsFolder

DECISIONS = 6
BLIND = """
import gymnasium as gym
import numpy as np


class Blind(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (1,))
    action_space = gym.spaces.Discrete(2)
    max_episode_steps = 5

    def __init__(self, render_mode=None):
        self.steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        return np.zeros(1, np.float32), 1.0, False, self.steps == 5, {}


gym.register("Blind-v0", "lab:Blind")
"""


@pytest.fixture(scope="module")
def trained(shared_project: Project) -> Project:
    """A project with an agent for traffic lights, and one in an environment of its own that draws nothing."""
    (shared_project.root / "lab").mkdir()
    (shared_project.root / "lab" / "__init__.py").write_text(BLIND, encoding="utf-8")
    lights = {
        "id": "trainer.envs:TrafficLight-v0",
        "kwargs": {"decisions": DECISIONS},
        "n_envs": 2,
        "wrapper": "VecNormalize",
    }
    shared_project.write_jobs(
        lights=cart_pole(env=lights, eval={"frequency": 64, "episodes": 1}),
        blind=cart_pole(env={"id": "lab:Blind-v0"}, sources=["lab"]),
        untrained=cart_pole(),
    )
    shared_project.doit("run_quick:lights", "run_quick:blind")
    return shared_project


def order_for(runs: RunsFolder, job: str, folder: Path, **task: Any) -> Order:
    """What the process of an agent is told."""
    agent = best_agent(runs, job)
    training = agent.reference.training
    return Order(
        job={
            "name": job,
            "total_timesteps": 64,
            **{key: training[key] for key in ("env", "algorithm", "hyperparameters")},
        },
        model=str(agent.path),
        sha256=agent.reference.sha256,
        output=str(folder),
        task=VideoOrder(**task),
    )


def recorded(order: Order) -> tuple[VideoMade, list[NDArray[np.uint8]]]:
    """The video that an order asks for, as pillow reads it."""
    assert isinstance(order.task, VideoOrder)
    made = record(order, order.task)
    with Image.open(Path(order.output) / made.file) as image:
        frames = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            frames.append(np.asarray(image.convert("RGB")))
    return made, frames


@pytest.fixture
def without_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make GIFs, whatever this machine has."""
    monkeypatch.setattr("runner.pictures.recording.mp4_encoder", lambda: None)


def test_the_best_agent_of_a_job_is_recorded_in_its_environment(trained: Project) -> None:
    stale = trained.runs.best_agent("lights", ".gif" if mp4_encoder() else ".mp4")
    stale.write_bytes(b"of an earlier agent")
    said = trained.doit("video:lights")
    suffix = ".mp4" if mp4_encoder() else ".gif"
    video = trained.runs.best_agent("lights", suffix)
    assert "lights  the best model (session 0001, 64 timesteps) plays" in said
    assert re.search(r"6\.0 s, 574 x 638 pixels: 10 episodes, mean reward -[\d,.]+\n", said)
    assert f"runs/lights/best_agent{suffix} (" in said
    assert video.read_bytes()[:6] == b"GIF89a" if suffix == ".gif" else video.stat().st_size
    assert not stale.exists()
    assert not list(trained.runs.job("lights").glob(".relay-tmp-*"))


def test_what_cannot_be_shown_is_one_sentence(trained: Project) -> None:
    said = trained.doit("video:blind", "video:untrained", expect=2)
    assert "environment lab:Blind-v0: draws no pictures: its render() " in said
    assert "job untrained: has no trained agent yet; train one: `doit run_quick:untrained` takes a moment" in said
    assert "Traceback" not in said
    assert not trained.runs.best_agent("blind", ".gif").exists()


@pytest.mark.usefixtures("without_ffmpeg")
def test_the_same_episodes_are_played_each_time_and_a_long_one_is_cut(trained: Project, tmp_path: Path) -> None:
    made, frames = recorded(order_for(trained.runs, "lights", tmp_path, enough_seconds=0.7))
    again = recorded(order_for(trained.runs, "lights", tmp_path, enough_seconds=0.7))
    assert made == again[0]
    assert (made.frames, len(made.rewards), made.seconds) == (2 * DECISIONS, 2, 1.2)
    assert all((one == other).all() for one, other in zip(frames, again[1], strict=True))
    assert (frames[0] != frames[1]).any()
    cut, _ = recorded(order_for(trained.runs, "lights", tmp_path, most_seconds=0.4))
    assert (cut.frames, cut.rewards) == (4, ())
    assert cut.notes == ("its episode is longer than the 0.4 s that a video has at most",)


def test_a_model_that_was_changed_is_loaded_by_nobody(trained: Project, tmp_path: Path) -> None:
    order = order_for(trained.runs, "lights", tmp_path)
    changed = shutil.copyfile(order.model, tmp_path / "best_model.zip")
    with changed.open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(CheckpointError, match="another sha256 than when it was adopted"):
        recorded(msgspec.structs.replace(order, model=str(changed)))


def test_a_damaged_best_model_is_passed_over_and_named(trained: Project, capsys: pytest.CaptureFixture[str]) -> None:
    best = best_agent(trained.runs, "lights")
    content = best.path.read_bytes()
    try:
        best.path.write_bytes(content[:-1])
        chosen = best_agent(trained.runs, "lights")
    finally:
        best.path.write_bytes(content)
    assert (best.is_best, chosen.is_best, chosen.path.name) == (True, False, "lights_checkpoint_64_steps.zip")
    assert (
        f"has {len(content) - 1:,} bytes, expected {len(content):,}; the next one is taken" in capsys.readouterr().out
    )


def test_a_gif_leaves_frames_out_rather_than_running_slowly(tmp_path: Path) -> None:
    gif = Gif(tmp_path / "fast", 50, (90, 960))
    for index in range(9):
        gif.add(np.full((90, 960, 3), 20 * index, np.uint8))
    with Image.open(gif.finish()) as image:
        assert (getattr(image, "n_frames", 1), image.size, image.info["duration"]) == (3, (480, 45), 60)


def test_what_an_encoder_says_is_the_sentence_and_a_gif_is_made_then(
    trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'Unknown encoder libx264' >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("runner.pictures.recording.mp4_encoder", lambda: str(program))
    made, frames = recorded(order_for(trained.runs, "lights", tmp_path, most_episodes=1))
    assert made.file == "best_agent.gif"
    assert len(frames) == DECISIONS
    assert made.notes == (f"it is a GIF, since {program} made no MP4: Unknown encoder libx264",)


@pytest.mark.skipif(mp4_encoder() is None, reason="there is no ffmpeg here")
def test_an_mp4_is_made_where_there_is_an_encoder(tmp_path: Path) -> None:
    video = Mp4(tmp_path / "odd", 10, (31, 33), str(mp4_encoder()))
    for index in range(5):
        video.add(np.full((31, 33, 3), 50 * index, np.uint8))
    assert b"ftyp" in video.finish().read_bytes()[:16]


def test_without_pillow_and_ffmpeg_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("runner.pictures.encoding.importlib.import_module", missing)
    with pytest.raises(UnavailableError, match=re.escape('run `pip install "kaggle-relay[report]"`')):
        Gif(tmp_path / "none", 10, (4, 4))


def test_an_encoder_that_ends_early_leaves_nothing(tmp_path: Path) -> None:
    program = shutil.which("false")
    if program is None:
        pytest.skip("there is no such program here")
    video = Mp4(tmp_path / "none", 10, (4, 4), program)
    with pytest.raises(EncoderError):
        video.finish()
    video.abandon()
    assert list(tmp_path.iterdir()) == []


def test_pictures_of_two_sizes_are_refused(trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([4, 4, 6])
    monkeypatch.setattr(
        "trainer.envs.traffic_light.environment.TrafficLightEnv.render",
        lambda _env: np.zeros((next(sizes), 8, 3), np.uint8),
    )
    monkeypatch.setattr("runner.pictures.recording.mp4_encoder", lambda: None)
    with pytest.raises(
        InputError, match=re.escape("with the shape (6, 8, 3) after 8 x 4 pixels; let all its pictures")
    ):
        recorded(order_for(trained.runs, "lights", tmp_path))
