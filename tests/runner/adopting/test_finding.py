"""Which checkpoints a folder has, by their names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from contract.errors import InputError
from runner.adopting.finding import find_checkpoints

if TYPE_CHECKING:
    from pathlib import Path


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_the_number_in_the_name_says_which_is_the_newest(tmp_path: Path) -> None:
    names = ("rl_model_9000_steps.zip", "rl_model_10000_steps.zip", "rl_model_800_steps.zip")
    touched(tmp_path, *names)
    os.utime(tmp_path / "rl_model_800_steps.zip", (4e9, 4e9))
    assert [each.timesteps for each in find_checkpoints(tmp_path, "walk")] == [10_000, 9_000, 800]


def test_what_the_callback_saves_beside_a_model_belongs_to_it(tmp_path: Path) -> None:
    beside = ("rl_model_vecnormalize_64_steps.pkl", "rl_model_replay_buffer_64_steps.pkl")
    touched(tmp_path, "rl_model_64_steps.zip", *beside, "rl_model_128_steps.zip")
    newest, before = find_checkpoints(tmp_path, "walk")
    assert (newest.normalization, newest.replay) == (None, None)
    assert (before.normalization, before.replay) == tuple(tmp_path / name for name in beside)


def test_checkpoints_lie_in_a_folder_below_as_well(tmp_path: Path) -> None:
    below = "data/models/checkpoints"
    touched(
        tmp_path, f"{below}/walk_checkpoint_300_steps.zip", f"{below}/walk_checkpoint_2000_steps.zip", "a/other.zip"
    )
    (newest, _) = find_checkpoints(tmp_path, "jump")
    assert newest.model == tmp_path / below / "walk_checkpoint_2000_steps.zip"


def test_of_several_runs_the_one_with_the_jobs_name_is_meant(tmp_path: Path) -> None:
    touched(tmp_path, "jump_checkpoint_900_steps.zip", "walk_checkpoint_300_steps.zip")
    assert [each.timesteps for each in find_checkpoints(tmp_path, "walk")] == [300]
    with pytest.raises(InputError, match=r"holds checkpoints of 2 runs \(jump_checkpoint, walk_checkpoint\)"):
        find_checkpoints(tmp_path, "swim")


def test_equal_names_in_two_folders_are_two_runs(tmp_path: Path) -> None:
    touched(tmp_path, "first/rl_model_300_steps.zip", "second/rl_model_900_steps.zip")
    with pytest.raises(InputError, match=r"holds checkpoints of 2 runs .* name a folder that holds those of one run"):
        find_checkpoints(tmp_path, "walk")


@pytest.mark.parametrize("name", ["model.zip", "rl_model_007_steps.zip", "rl_model_64_steps.zip.part", "_64_steps.zip"])
def test_a_folder_without_such_a_name_is_refused(tmp_path: Path, name: str) -> None:
    touched(tmp_path, name)
    with pytest.raises(InputError, match=r"holds no checkpoint: no file in it is called PREFIX_N_steps\.zip"):
        find_checkpoints(tmp_path, "walk")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there; write from=FOLDER"):
        find_checkpoints(tmp_path / "gone", "walk")
