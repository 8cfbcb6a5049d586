"""What a session notes as it trains, and that it costs the training nothing."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING, Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from contract.documents.metrics import Row
from tests.trainer.conftest import ROLLOUT, job_values, outcome_of
from trainer.metrics.lines import MOST_SHARES, Lines, Thinning
from trainer.metrics.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.trainer.conftest import Ended, Relay


def rows_of(ended: Ended, kind: str | None = None) -> list[dict[str, Any]]:
    text = ended.artifacts.metrics.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return [each for each in rows if kind in (None, each["kind"])]


def test_a_session_notes_dumps_episodes_evaluations_and_its_borders(relay: Relay) -> None:
    ended = relay.session(job_values(eval={"frequency": 2 * ROLLOUT, "episodes": 3}))
    begin, end = rows_of(ended, "session")
    assert (begin["event"], begin["timesteps"], end["event"], end["timesteps"]) == ("started", 0, "ended", 80)
    assert begin["key"] == end["key"] == ended.metadata.key
    assert end["why"] is None
    dumps = rows_of(ended, "log")
    assert [each["timesteps"] for each in dumps] == [16, 32, 48, 64, 80]
    assert dumps[0]["values"].keys() >= {"time/fps", "time/steps_per_second", "time/iterations"}
    assert dumps[1]["values"].keys() >= {"train/loss", "train/learning_rate", "rollout/ep_rew_mean"}
    told = rows_of(ended, "episodes")
    assert sum(len(each["rewards"]) for each in told) == ended.metadata.episodes > 0
    measured = rows_of(ended, "evaluation")
    said = ended.events("evaluation")
    assert [each["values"]["eval/mean_reward"] for each in measured] == [each["mean_reward"] for each in said]
    assert [each["timesteps"] for each in measured] == [32, 64, 80]
    assert all(len(each["rewards"]) == len(each["lengths"]) == 3 for each in measured)
    assert ended.manifest.files["training_metrics.jsonl"].bytes == ended.artifacts.metrics.stat().st_size


def test_a_session_that_goes_on_says_from_where_and_why_the_one_before_ended(relay: Relay) -> None:
    first = relay.session(job_values(), stop_after=2)
    assert rows_of(first, "session")[-1]["why"] == "SIGTERM"
    pending = rows_of(first, "pending")[-1]
    assert pending["timesteps"] == 2 * ROLLOUT
    assert "train/loss" in pending["values"]
    second = relay.session(job_values(), first)
    begin = rows_of(second, "session")[0]
    assert (begin["event"], begin["timesteps"]) == ("went on", 2 * ROLLOUT)


def test_no_weight_depends_on_it(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_values(eval={"frequency": 2 * ROLLOUT}, save_freq=ROLLOUT)
    noted = relay.chain(job, 2)
    for name in ("begin", "follow_logger", "note_dump", "note_episodes", "note_evaluation", "note_pending", "show"):
        monkeypatch.setattr(Recorder, name, lambda *_args: None)
    silent = relay.chain(job, 2)
    assert rows_of(silent, "log") == []
    assert outcome_of(noted.latest) == outcome_of(silent.latest)


class OwnLogger(BaseCallback):
    """Gives the model another logger in the middle of its training, and logs something of its own."""

    def _on_step(self) -> bool:
        if self.n_calls == 20:
            self.model.set_logger(Logger(folder=None, output_formats=[]))
        self.logger.record("mine/calls", self.n_calls)
        self.logger.record("mine/text", "fast")
        return True


def test_a_callback_that_takes_another_logger_is_followed(relay: Relay) -> None:
    ended = relay.session(job_values(callbacks=[f"{__name__}:OwnLogger"], env={"id": "CartPole-v1", "n_envs": 1}))
    dumps = rows_of(ended, "log")
    assert [each["timesteps"] for each in dumps][-1] == 80
    assert dumps[-1]["values"]["mine/calls"] == 80
    assert not any("mine/text" in each["values"] for each in dumps)


def test_what_the_disk_does_not_take_waits_and_nothing_of_the_training_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = Lines(tmp_path / "metrics.jsonl")
    noted.note(Row("log", 1, 1.0, {"a": 1.0}))
    noted.write(durably=True)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        noted.note(Row("log", 2, 2.0, {"a": 2.0}))
        noted.write(durably=True)
        noted.write(durably=True)
    assert capsys.readouterr().out.count("metrics.jsonl cannot be written now (No space left on device)") == 1
    noted.note(Row("log", 3, 3.0, {"a": 3.0}))
    noted.write(durably=True)
    noted.close()
    found = [json.loads(line)["timesteps"] for line in noted.path.read_text(encoding="utf-8").splitlines()]
    assert found == [1, 2, 3]


def test_the_first_rows_are_all_there_and_ever_fewer_of_ever_more() -> None:
    thinning, size = Thinning(share=100), 10
    taken = []
    for number in range(100_000):
        if thinning.takes_next():
            thinning.wrote(size)
            taken.append(number)
    assert taken[:10] == list(range(10))
    assert [taken[index + 1] - taken[index] for index in range(11, 15)] == [2] * 4
    assert len(taken) == MOST_SHARES * 10
