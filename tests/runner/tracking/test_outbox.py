"""The outbox: what is in it was written durably, and a line that a kill has cut is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.errors import RelayError
from runner.curve.measurements import Measurement
from runner.tracking.outbox import Outbox, OutgoingRow, held

if TYPE_CHECKING:
    from pathlib import Path


def test_points_of_the_same_timesteps_are_one_row_and_a_torn_line_is_none(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "new" / "wandb-1.jsonl")
    assert outbox.rows() == []
    outbox.append([Measurement(32, "a", 1.5, 1, 7.0), Measurement(32, "b", 2.5, 1, 8.0)])
    with outbox.path.open("ab") as stream:
        stream.write(b'{"timesteps":64,"at":9.0,"val')
    assert outbox.rows() == [OutgoingRow(32, 8.0, {"a": 1.5, "b": 2.5})]
    outbox.append([Measurement(64, "a", 3.5, 1, 9.0)])
    assert held(outbox.rows()) == {"a": {32: 1.5, 64: 3.5}, "b": {32: 2.5}}


def test_a_damaged_outbox_is_one_sentence(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "wandb-1.jsonl")
    outbox.path.write_bytes(b'{"timesteps":"x"}\n')
    with pytest.raises(
        RelayError, match=r"wandb-1.jsonl: is damaged: .*; remove it, and the next command begins a new"
    ):
        outbox.rows()
