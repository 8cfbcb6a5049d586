"""`doit report`: what it writes where."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from contract.documents.metrics import Row
from contract.errors import InputError, UnavailableError
from contract.storage.layout import Artifacts
from runner.commands.showing.report import write_reports
from runner.lineage import Phase
from runner.preflight import trial
from runner.workspace import Workspace
from tests.project import ROOT, cart_pole
from tests.runner.conftest import JobOnDisk, write_jobs

if TYPE_CHECKING:
    from pathlib import Path


def measured(root: Path, job: str, level: float) -> None:
    """One session of a job, with what it measured."""
    disk = JobOnDisk(root, job)
    folder = disk.add(Phase.RESTORED, timesteps=256)
    rows = (Row("evaluation", at, float(at), {"eval/mean_reward": level + at}) for at in (64, 128, 256))
    Artifacts(folder.artifacts, job).metrics.write_bytes(b"".join(each.line() for each in rows))


def test_each_job_has_a_page_and_figures_and_all_of_them_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = {f"cart-{seed}": cart_pole(seed=seed, group="carts") for seed in (1, 2)}
    write_jobs(tmp_path, **jobs, idle=cart_pole())
    for seed in (1, 2):
        measured(tmp_path, f"cart-{seed}", seed)
    write_reports(Workspace(tmp_path), ["cart-1", "cart-2", "idle"])
    assert capsys.readouterr().out == (
        "cart-1: runs/cart-1/report.html, with learning_curve.svg and .png beside it\n"
        "cart-2: runs/cart-2/report.html, with learning_curve.svg and .png beside it\n"
        "idle: no session has begun, so there is nothing to report\n"
        "all jobs: runs/report.html\n"
    )
    runs = tmp_path / "runs"
    written = sorted(path.relative_to(runs).as_posix() for path in runs.glob("**/*.*") if path.parent.parent != runs)
    assert {"learning_curve.carts.png", "learning_curve.carts.svg", "report.html"} <= set(written)
    assert (runs / "cart-1" / "learning_curve.svg").exists()
    assert not (runs / "idle").exists()
    index = (runs / "report.html").read_text(encoding="utf-8")
    assert 'href="cart-1/report.html"' in index
    assert "Interquartile mean of 2 runs" in index


def test_sessions_of_an_earlier_version_have_their_page(tmp_path: Path) -> None:
    with zipfile.ZipFile(ROOT / "tests" / "lineages" / "made_at_a0e9e91.zip") as packed:
        packed.extractall(tmp_path)
    write_reports(Workspace(tmp_path), ["lights"])
    lights = (tmp_path / "runs" / "lights" / "report.html").read_text(encoding="utf-8")
    assert "No return was measured" in lights
    assert "0001/artifacts/checkpoints/lights_checkpoint_" in lights
    assert "walk" in (tmp_path / "runs" / "report.html").read_text(encoding="utf-8")


def test_the_folder_of_all_runs_can_be_moved_with_its_pages(tmp_path: Path) -> None:
    write_jobs(tmp_path, cart=cart_pole())
    measured(tmp_path, "cart", 1)
    write_reports(Workspace(tmp_path), ["cart"])
    moved = tmp_path / "elsewhere"
    shutil.move(tmp_path / "runs", moved)
    assert str(tmp_path) not in (moved / "cart" / "report.html").read_text(encoding="utf-8")


def test_baselines_that_cannot_be_played_here_are_a_sentence_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> dict[str, float]:
        raise InputError("environment lab:World-v0", "cannot play its baselines", "correct its method `baselines`")

    monkeypatch.setattr(trial, "measure_baselines", refuse)
    (tmp_path / "lab").mkdir()
    write_jobs(tmp_path, cart=cart_pole(env={"id": "lab:World-v0"}, sources=["lab"], eval={"frequency": 64}))
    measured(tmp_path, "cart", 1)
    write_reports(Workspace(tmp_path), ["cart"])
    told = (tmp_path / "runs" / "cart" / "report.html").read_text(encoding="utf-8")
    assert "could not be found out on this machine: environment lab:World-v0: cannot play its baselines" in told


def test_without_what_draws_one_sentence_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jobs(tmp_path, cart=cart_pole())
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "plotly" else find(name))
    with pytest.raises(UnavailableError) as caught:
        write_reports(Workspace(tmp_path), ["cart"])
    assert str(caught.value) == (
        "a report: needs plotly, which is not installed here; "
        'run `pip install "kaggle-relay[report]"`, or in a clone `make setup`'
    )
