"""`doit curve`: what it says, and what it draws where a terminal can show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.errors import RelayError
from runner.commands.showing.curve import show_curve, sparkline
from runner.curve.measurements import Measurement
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import JOB, write_jobs
from tests.runner.measured import two_sessions

if TYPE_CHECKING:
    from pathlib import Path


def series(*points: tuple[int, float]) -> list[Measurement]:
    return [Measurement(timesteps, "k", value, 1, 0.0) for timesteps, value in points]


def test_it_says_where_the_curve_is_and_how_it_looks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two_sessions(tmp_path)
    write_jobs(tmp_path, **{JOB: cart_pole()})
    show_curve(Workspace(tmp_path), JOB)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "cart: 128 timesteps in 2 sessions"
    assert "  rollout/ep_rew_mean: 1.00 at first, 40.00 now, at most 40.00 at 128 timesteps" in said
    assert "  table        runs/cart/curve.csv" in said
    assert "  TensorBoard  tensorboard --logdir runs/.tensorboard" in said


def test_before_the_first_session_there_is_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jobs(tmp_path, **{JOB: cart_pole()})
    show_curve(Workspace(tmp_path), JOB)
    assert capsys.readouterr().out == "cart: no session has begun, so nothing was measured\n"
    assert not (tmp_path / "runs" / JOB).exists()


def test_a_table_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    two_sessions(tmp_path)
    write_jobs(tmp_path, **{JOB: cart_pole()})
    table = Workspace(tmp_path).runs.curve(JOB)
    table.mkdir()
    with pytest.raises(RelayError, match=r"cannot be written: .*; see that there is space for it") as caught:
        show_curve(Workspace(tmp_path), JOB)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("points", "drawn"),
    [
        ([(1, 5.0)], "▁"),
        ([(1, 5.0), (2, 5.0)], "▁▁"),
        ([(0, 0.0), (1, 7.0)], "▁█"),
        ([(0, 0.0), (50, 1.0), (51, 3.0), (99, 7.0)], "▁ ▃█"),
        ([(step, step) for step in range(120)], "▁" * 5),
    ],
)
def test_a_line_of_bars_goes_by_timesteps(points: list[tuple[int, float]], drawn: str) -> None:
    line = sparkline(series(*points))
    assert line.startswith(drawn)
    assert len(line) == min(60, len(points))


def test_without_tensorboard_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.curve.event_files.can_be_written", lambda: False)
    two_sessions(tmp_path)
    write_jobs(tmp_path, **{JOB: cart_pole()})
    show_curve(Workspace(tmp_path), JOB)
    said = capsys.readouterr().out
    assert (
        'TensorBoard is not installed here; run `pip install "kaggle-relay[report]"`, or in a clone `make setup`'
        in said
    )
    assert (tmp_path / "runs" / JOB / "curve.csv").exists()
