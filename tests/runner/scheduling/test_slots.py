"""What a session takes where it runs, as each backend says it."""

from __future__ import annotations

from typing import Any

import pytest

from runner.backends.base import Known
from runner.backends.kaggle.entry import CPU_SESSIONS, GPU_SESSIONS
from runner.backends.registry import backend_entry
from runner.scheduling.slots import Caps, Slot
from tests.project import ROOT
from tests.runner.conftest import job_json


def slot(backend: str, **changes: Any) -> Slot:
    return backend_entry(backend).slot(job_json(backend=backend, **changes), Known())


def test_kaggle_has_two_slots_with_a_gpu_and_five_without() -> None:
    with_gpu, without = slot("kaggle", device="cuda"), slot("kaggle", device="cpu")

    documented = (ROOT / "docs" / "many-jobs.md").read_text(encoding="utf-8")
    assert f"{GPU_SESSIONS} with a GPU and {CPU_SESSIONS} without, of an account" in documented
    assert (with_gpu.most, with_gpu.has_gpu, without.most, without.has_gpu) == (GPU_SESSIONS, True, CPU_SESSIONS, False)
    assert slot("kaggle") == without  # a network that small asks for none


def test_processes_and_containers_share_this_machine_which_runs_one_at_once_unless_more_are_asked_for() -> None:
    assert slot("local", device="cpu") == slot("docker")
    assert Caps().most(slot("local")) == 1
    assert Caps(sessions=4).most(slot("local")) == 4
    assert Caps(sessions=4).most(slot("kaggle", device="cuda")) == 2


@pytest.mark.parametrize(("section", "expected"), [({}, False), ({"gres": "gpu:1"}, True)])
def test_slurm_has_a_queue_of_its_own(section: dict[str, Any], expected: bool) -> None:
    taken = slot("slurm", slurm=section)

    assert (taken.most, taken.has_gpu) == (None, expected)


@pytest.mark.parametrize(("section", "expected"), [({}, False), ({"gpus": 1}, True)])
def test_ray_has_a_queue_of_its_own(section: dict[str, Any], expected: bool) -> None:
    taken = slot("ray", ray=section)

    assert (taken.most, taken.has_gpu) == (None, expected)
