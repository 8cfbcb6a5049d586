"""The best agent of a job, shown and handed on."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import onnxruntime
import pytest
import yaml
from PIL import Image

from contract.errors import CheckpointError, InputError
from runner.acting.choosing import best_agent
from runner.acting.order import Exported, Order, VideoMade, VideoOrder
from runner.export.folder import write_folder
from runner.layout import RunsFolder
from runner.pictures.encoding import mp4_encoder, shows
from runner.pictures.recording import record
from tests.project import Project, cart_pole
from trainer.inference import load_for_inference

if TYPE_CHECKING:
    from numpy.typing import NDArray

DECISIONS = 4
LIGHTS = {
    "id": "trainer.envs:TrafficLight-v0",
    "kwargs": {"decisions": DECISIONS},
    "n_envs": 2,
    "wrapper": "VecNormalize",
}
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


class Seen(Blind):
    # It keeps in its state whether it draws.
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, render_mode=None):
        super().__init__()
        self.render_mode = render_mode

    def render(self):
        return None if self.render_mode is None else np.full((8, 8, 3), 20 * self.steps, np.uint8)


gym.register("Undrawn-v0", "studio:Blind")
gym.register("Drawn-v0", "studio:Seen")
"""


@pytest.fixture(scope="module")
def trained(shared_project: Project) -> Project:
    """A project with an agent for traffic lights, and one in an environment of its own that draws nothing."""
    (shared_project.root / "studio").mkdir()
    (shared_project.root / "studio" / "__init__.py").write_text(BLIND, encoding="utf-8")
    shared_project.write_jobs(
        lights=cart_pole(env=LIGHTS, eval={"frequency": 64, "episodes": 1}),
        blind=cart_pole(env={"id": "studio:Undrawn-v0"}, sources=["studio"]),
        seen=cart_pole(env={"id": "studio:Drawn-v0", "wrappers": ["NormalizeObservation"]}, sources=["studio"]),
        untrained=cart_pole(),
    )
    shared_project.doit("run_quick:lights", "run_quick:blind", "run_quick:seen")
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
    assert re.search(r"4\.0 s, 574 x 638 pixels: 10 episodes, mean reward -[\d,.]+\n", said)
    assert f"runs/lights/best_agent{suffix} (" in said
    assert video.read_bytes()[:6] == b"GIF89a" if suffix == ".gif" else video.stat().st_size
    assert shows(video, best_agent(trained.runs, "lights").reference.sha256)
    assert not stale.exists()
    assert not list(trained.runs.job("lights").glob(".relay-tmp-*"))


def test_what_is_handed_on_acts_as_the_agent_does_and_tells_of_itself(trained: Project) -> None:
    """By the project's own loading, and by onnxruntime, from observations that nothing has scaled."""
    said = trained.doit("export:lights")
    folder = trained.runs.export("lights")
    best = best_agent(trained.runs, "lights")
    suffix = ".mp4" if mp4_encoder() else ".gif"
    assert {each.name for each in folder.iterdir()} == {
        *("README.md", "job.yaml", "model.onnx", "normalization.json", "ppo-TrafficLight-v0.zip"),
        *(f"replay{suffix}", "results.json", "versions.json"),
    }
    assert "model.onnx: onnxruntime acts as torch on 40 observations" in said
    assert "nothing was uploaded" in said
    assert (folder / "ppo-TrafficLight-v0.zip").read_bytes() == best.path.read_bytes()

    model, scale = load_for_inference(folder / "ppo-TrafficLight-v0.zip")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    seen = np.stack([model.observation_space.sample() for _ in range(50)])
    expected, _ = model.predict(scale(seen), deterministic=True)
    assert (session.run(["action"], {"observation": seen})[0] == expected).all()
    assert len(set(expected.tolist())) > 1, "it would be easy to do the same everywhere"

    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert (results["n_eval_episodes"], results["lengths"]) == (10, [DECISIONS] * 10)
    assert results["mean_reward"] == pytest.approx(np.mean(results["rewards"]))
    _, head, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    told = yaml.safe_load(head)
    (metric,) = told["model-index"][0]["results"][0]["metrics"]
    assert metric["value"] == f"{results['mean_reward']:.2f} +/- {results['std_reward']:.2f}"
    assert (told["library_name"], told["tags"][0], told["tags"][-1]) == ("stable-baselines3", "TrafficLight-v0", "onnx")
    assert "whose running statistics are part of the file" in text
    job = yaml.safe_load((folder / "job.yaml").read_text(encoding="utf-8"))["jobs"]["lights"]
    assert job["env"] == LIGHTS
    assert "backend" not in job


def test_what_is_missing_of_an_export_is_told_in_its_card(trained: Project, tmp_path: Path) -> None:
    reason = f"ONNX cannot express this policy (RuntimeError: {'no such operator; ' * 20})"
    nothing = Exported(rewards=(), lengths=(), seed=1, onnx=reason, has_statistics=False, libraries={})
    write_folder(trained.runs, "blind", best_agent(trained.runs, "blind"), nothing, tmp_path)
    folder = trained.runs.export("blind")
    assert {each.name for each in folder.iterdir()} == {
        *("README.md", "job.yaml", "ppo-Undrawn-v0.zip", "results.json", "versions.json")
    }
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"There is no ONNX file: {reason}." in card
    assert "so none was measured" in card
    assert "model-index" not in card
    assert "It is its newest checkpoint." in card
    assert "Its environment comes from `studio`, which must be importable." in card


def test_a_model_that_no_longer_fits_its_environment_says_so(trained: Project, tmp_path: Path) -> None:
    order = order_for(trained.runs, "lights", tmp_path)
    env = {**order.job["env"], "kwargs": {"observed_segments": 6}}
    with pytest.raises(
        CheckpointError, match=r"best_model\.zip: does not fit the environment as it is now: .*size mismatch"
    ):
        recorded(msgspec.structs.replace(order, job={**order.job, "env": env}))


def test_what_cannot_be_shown_is_one_sentence(trained: Project) -> None:
    said = trained.doit("video:blind", "video:untrained", expect=2)
    assert "environment studio:Undrawn-v0: draws no pictures: its render() " in said
    assert "job untrained: has no trained agent yet; train one: `doit run_quick:untrained` takes a moment" in said
    assert "Traceback" not in said
    assert not trained.runs.best_agent("blind", ".gif").exists()


@pytest.mark.usefixtures("without_ffmpeg")
def test_the_same_episodes_are_played_each_time_and_a_long_one_is_cut(trained: Project, tmp_path: Path) -> None:
    made, frames = recorded(order_for(trained.runs, "lights", tmp_path, enough_seconds=0.7))
    again = recorded(order_for(trained.runs, "lights", tmp_path, enough_seconds=0.7))
    assert made == again[0]
    assert (made.frames, len(made.rewards), made.seconds) == (2 * DECISIONS, 2, 0.8)
    assert all((one == other).all() for one, other in zip(frames, again[1], strict=True))
    assert (frames[0] != frames[1]).any()
    cut, _ = recorded(order_for(trained.runs, "lights", tmp_path, most_seconds=0.3))
    assert (cut.frames, cut.rewards) == (3, ())
    assert cut.notes == ("its episode is longer than the 0.3 s that a video has at most",)


@pytest.mark.usefixtures("without_ffmpeg")
def test_what_wrappers_have_learned_does_not_keep_an_environment_from_drawing(
    trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(trained.root)
    made, frames = recorded(order_for(trained.runs, "seen", tmp_path, most_episodes=1))
    assert (made.frames, made.rewards) == (5, (5.0,))
    assert [int(frame[0, 0, 0]) for frame in frames] == [0, 20, 40, 60, 80]


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


def test_where_no_file_of_an_agent_is_sound_each_is_named(trained: Project, tmp_path: Path) -> None:
    copy = RunsFolder(shutil.copytree(trained.root, tmp_path / "copy"))
    models = [*copy.job("lights").rglob("best_model.zip"), *copy.job("lights").rglob("*_steps.zip")]
    for path in models:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"; bring it back, or run `doit resume:lights`$") as caught:
        best_agent(copy, "lights")
    assert all(path.name in str(caught.value) for path in models)


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
