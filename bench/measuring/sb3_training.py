"""Training and going on as Stable-Baselines3's documentation shows it: no relay, its own callbacks and files.

    python -m measuring.sb3_training FOLDER --timesteps N [--save-at N] [--from N]

FOLDER holds course.json. With `--save-at` a `CheckpointCallback` saves everything that it can,
and then there is a file `saved`; with `--from` training goes on from what it saved at that timestep.
The model at the end is final.zip.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stable_baselines3
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList, CheckpointCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from job.schedules import parse_schedule
from measuring.courses import Course

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

PREFIX = "rl_model"
SAVED = "saved"
FINAL = "final.zip"
COURSE = "course.json"


class Announcement(BaseCallback):
    """Says when the callback before it has saved."""

    def __init__(self, save_freq: int, announcement: Path) -> None:
        super().__init__()
        self._save_freq = save_freq
        self._announcement = announcement

    def _on_step(self) -> bool:
        if self.n_calls % self._save_freq == 0:
            self._announcement.touch()
        return True


def main() -> None:
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--timesteps", type=int, required=True, help="the goal, over all processes")
    parser.add_argument("--save-at", type=int)
    parser.add_argument("--from", type=int, dest="start")
    options = parser.parse_args()
    torch.set_num_threads(1)
    course = Course(**json.loads((options.folder / COURSE).read_text(encoding="utf-8")))
    callback = None
    if options.save_at:
        every = options.save_at // course.n_envs
        kept = {"save_replay_buffer": True, "save_vecnormalize": True}
        saving = CheckpointCallback(every, str(options.folder), name_prefix=PREFIX, **kept)
        callback = CallbackList([saving, Announcement(every, options.folder / SAVED)])
    if options.start is None:
        model = _make(course)
        model.learn(options.timesteps, callback=callback)
    else:
        model = _load(course, options.folder, options.start)
        model.learn(options.timesteps - model.num_timesteps, reset_num_timesteps=False)
    model.save(options.folder / FINAL)


def _class_of(course: Course) -> type[BaseAlgorithm]:
    algorithm: type[BaseAlgorithm] = getattr(stable_baselines3, course.algorithm)
    return algorithm


def _make(course: Course) -> BaseAlgorithm:
    venv: VecEnv = make_vec_env(course.env, course.n_envs, seed=course.seed)
    if course.normalizes:
        venv = VecNormalize(venv, gamma=course.gamma)
    arguments: dict[str, Any] = {
        name: parse_schedule(value) if isinstance(value, str) else value
        for name, value in course.hyperparameters.items()
    }
    return _class_of(course)("MlpPolicy", venv, seed=course.seed, device="cpu", **arguments)


def _load(course: Course, folder: Path, timesteps: int) -> BaseAlgorithm:
    venv: VecEnv = make_vec_env(course.env, course.n_envs, seed=course.seed)
    if course.normalizes:
        venv = VecNormalize.load(str(folder / f"{PREFIX}_vecnormalize_{timesteps}_steps.pkl"), venv)
    model = _class_of(course).load(folder / f"{PREFIX}_{timesteps}_steps.zip", env=venv, device="cpu")
    if hasattr(model, "load_replay_buffer"):
        model.load_replay_buffer(folder / f"{PREFIX}_replay_buffer_{timesteps}_steps.pkl")
    return model


if __name__ == "__main__":
    main()
