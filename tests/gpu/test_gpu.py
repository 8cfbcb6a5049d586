"""The tests for a GPU, as far as they can be run without one: the script works before it meets one."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch

from tests.gpu import figures as measuring
from tests.gpu import run as script
from tests.gpu.checks import CHECKS, CheckError, exact_after_a_kill, hold
from tests.gpu.figures import figures, table
from tests.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = ROOT / "tests" / "gpu"
BLOCKED = (
    "msgspec",
    "psutil",
    "yaml",
    "docker",
    "doit",
    "kaggle",
    "kagglesdk",
    "httpx",
    "starlette",
    "uvicorn",
    "pytest",
)
ALONE = f"""
import runpy, sys

class Blocker:
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {(*BLOCKED, "runner", "restore", "executors", "emulator", "bench")!r}:
            raise ModuleNotFoundError(f"{{name}} is kept out", name=name)

sys.meta_path.insert(0, Blocker())
sys.argv = ["run.py", "--device", "cpu", "--only", "self-test", "--seconds", "0"]
runpy.run_path({str(FOLDER / "run.py")!r}, run_name="__main__")
"""


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small networks are faster so; and what the sessions find by its name alone is found here too."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_it_runs_where_nothing_else_of_the_project_is_installed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ALONE]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Mlp and Cnn agree, unsteady ones are noticed" in ended.stdout
    assert "1 of 1 checks passed" in ended.stdout


def test_a_killed_session_and_the_one_after_it_are_one_training(tmp_path: Path) -> None:
    assert exact_after_a_kill("PPO")(tmp_path, "cpu").endswith("the same tensors at the goal")


def test_the_figures_are_measured_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "N_STEPS", 32)
    found = list(figures("cpu", 0.01, {"Mlp 8 x 8": {"net_arch": [8, 8]}}))
    assert [(each.batch, each.device) for each in found] == [(64, "cpu"), (256, "cpu")]
    assert all(each.step > 0 and each.pace > 0 for each in found)
    head, _, *lines = table(found).splitlines()
    assert len(lines) == len(found)
    assert {line.count("|") for line in lines} == {head.count("|")}
    assert lines[0].startswith("| Mlp 8 x 8 | ")


def test_without_a_gpu_it_says_so_and_ends_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert script.main([]) == 0
    assert capsys.readouterr().out == f"skipped: torch {torch.__version__} finds no GPU here\n"


def test_what_does_not_hold_fails_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(folder: Path, device: str) -> str:
        hold(folder.parent.exists() and device == "cuda", "the tensors differ")
        return "the same"

    monkeypatch.setitem(CHECKS, "of this test", fails)
    assert script.main(["--device", "cpu", "--only", "of this test", "--seconds", "0"]) == 1
    said = capsys.readouterr().out
    assert "FAILED of this test (0 s): the tensors differ" in said
    assert "0 of 1 checks passed" in said
    with pytest.raises(CheckError):
        fails(tmp_path, "cpu")


@pytest.mark.long("the whole script runs by `make gpu-test`")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_what_only_a_gpu_can_show() -> None:
    ended = subprocess.run([sys.executable, str(FOLDER / "run.py")], cwd=ROOT, check=False)
    assert ended.returncode == 0
