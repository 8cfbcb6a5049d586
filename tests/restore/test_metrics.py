"""A stranger's file of metrics: each line is judged by itself, and nothing in it costs memory without bounds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from contract.documents import metrics
from contract.documents.metrics import Row
from restore.metrics import MetricsReader, parse_row
from restore.reading.spans import UnsoundError

if TYPE_CHECKING:
    from pathlib import Path

SOUND = Row("log", 64, 1.5, {"train/loss": 0.25})
ODD = (
    b"",
    b"no JSON",
    b"[1, 2]",
    b"[" * 100_000,
    b"\xff\xfe",
    b'{"kind":"log","at":1,"values":{}}',
    b'{"kind":"log","timesteps":-1,"at":1}',
    b'{"kind":"log","timesteps":true,"at":1}',
    b'{"kind":"log","timesteps":99999999999999999999,"at":1}',
    b'{"kind":"log","timesteps":1,"at":1e300}',
    b'{"kind":"log","timesteps":1,"at":1,"values":{"a":NaN}}',
    b'{"kind":"log","timesteps":1,"at":1,"values":{"a":1e999}}',
    b'{"kind":"log","timesteps":1,"at":1,"values":{"a":"1"}}',
    b'{"kind":"log","timesteps":1,"at":1,"values":{"a\\nb":1}}',
    b'{"kind":"episodes","timesteps":1,"at":1,"rewards":[1.0],"lengths":[]}',
    b'{"kind":"episodes","timesteps":1,"at":1,"rewards":[1.0],"lengths":[-1]}',
    b'{"kind":"session","timesteps":1,"at":1}',
    b'{"kind":"os.system","timesteps":1,"at":1}',
)


@pytest.mark.parametrize(
    "row",
    [
        SOUND,
        Row("pending", 64, 1.5, {"train/loss": 0.25}),
        Row("episodes", 64, 1.5, rewards=(1.0, -2.5), lengths=(3, 4)),
        Row("evaluation", 64, 1.5, {"eval/mean_reward": 1.0}, (1.0,), (3,)),
        Row("session", 64, 1.5, event="ended", why="SIGTERM", key="a" * 64),
    ],
)
def test_what_a_session_writes_is_read_back(row: Row) -> None:
    assert parse_row(row.line()) == row


def test_an_odd_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(each + b"\n" + SOUND.line() for each in ODD))
    reader = MetricsReader(path)
    assert list(reader.rows()) == [SOUND] * len(ODD)
    assert reader.skipped == len(ODD)


def test_a_line_that_a_kill_has_cut_is_none_and_no_oddity(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    whole = SOUND.line()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut])
        reader = MetricsReader(path)
        assert list(reader.rows()) == [SOUND]
        assert reader.skipped == 0


def test_a_line_of_megabytes_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"x" * (3 * metrics.LONGEST_LINE + 5) + b"\n" + SOUND.line())
    reader = MetricsReader(path)
    assert list(reader.rows()) == [SOUND]
    assert reader.skipped == 1


def test_a_file_that_no_session_writes_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "large.jsonl"
    large.touch()
    os.truncate(large, metrics.MOST_BYTES + 1)
    with pytest.raises(UnsoundError, match="bytes, more than"):
        next(MetricsReader(large).rows())
    with pytest.raises(UnsoundError, match="not a plain file"):
        next(MetricsReader(tmp_path).rows())
    with pytest.raises(FileNotFoundError):
        next(MetricsReader(tmp_path / "none").rows())
