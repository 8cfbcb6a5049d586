"""MLflow for real: a database of this machine, read back by its own client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from runner.lineage import Phase
from runner.tracking.mlflow import ID, NOW, Mlflow
from runner.tracking.sending import Delivery, deliver
from runner.tracking.values import Place, UnreachableError
from tests.runner.conftest import JOB, JobOnDisk, job_json
from tests.runner.measured import REWARD, dump, leave, two_sessions
from tests.services import needs

if TYPE_CHECKING:
    from pathlib import Path

needs("mlflow", "sqlalchemy", "alembic")  # the last two for a database of this machine

pytestmark = pytest.mark.filterwarnings("ignore")  # what its libraries warn of is theirs


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """It takes seconds to make one: all tests share it, each with lineages of its own."""
    return f"sqlite:///{(tmp_path_factory.mktemp('mlflow') / 'mlflow.db').as_posix()}"


@pytest.fixture(autouse=True)
def _named(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)


def send(disk: JobOnDisk) -> Delivery:
    return deliver(disk.runs, disk.name, "lights", Place(disk.runs.tracking(disk.name)), Mlflow())


def series(run_id: str, key: str) -> list[tuple[int, float]]:
    from mlflow import MlflowClient  # noqa: PLC0415 - may not be here

    return [(each.step, each.value) for each in MlflowClient().get_metric_history(run_id, key)]


def runs_of(identity: str) -> list[Any]:
    from mlflow import MlflowClient  # noqa: PLC0415 - may not be here

    client = MlflowClient()
    experiments = [each.experiment_id for each in client.search_experiments()]
    ours = f"tags.`{ID}` LIKE '{identity}%'"
    return list(client.search_runs(experiments, filter_string=ours, order_by=["start_time"]))


def test_sessions_are_one_run_cut_or_not_and_a_redo_begins_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient  # noqa: PLC0415 - may not be here

    disk = two_sessions(tmp_path)
    log_batch, calls = MlflowClient.log_batch, list[int]()

    def dies_in_the_middle(client: Any, run_id: str, **values: Any) -> None:
        if metrics := values.get("metrics"):
            calls.append(len(metrics))
            log_batch(client, run_id, metrics=metrics[:2])
            raise KeyboardInterrupt
        log_batch(client, run_id, **values)

    monkeypatch.setattr(MlflowClient, "log_batch", dies_in_the_middle)
    with pytest.raises(KeyboardInterrupt):
        send(disk)
    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    assert calls == [6], "what repeats the axis is not sent"
    done = send(disk)
    assert done.points == 4
    (run,) = runs_of(done.run.identity)
    assert series(run.info.run_id, REWARD) == [(32, 1), (64, 2), (96, 30), (128, 40)]
    assert series(run.info.run_id, "eval/mean_reward") == [(128, 50)]
    assert (run.info.status, run.info.run_name) == ("FINISHED", JOB)
    assert MlflowClient().get_experiment(run.info.experiment_id).name == "lights"
    assert {"env.id": "CartPole-v1", "seed": "5"}.items() <= run.data.params.items()
    assert run.data.tags["kaggle_relay.resume"] == "exact"
    assert send(disk).points == 0
    parent = disk.lineage.sessions[0].restored.checkpoint
    leave(disk.add(Phase.RESTORED, timesteps=96, parent=parent), dump(96, -5))
    assert send(disk).why_anew == ("what was sent from 96 timesteps on is not what the training is now",)
    before, after = runs_of(done.run.identity)
    assert series(before.info.run_id, REWARD)[-1] == (128, 40)
    assert series(after.info.run_id, REWARD) == [(32, 1), (64, 2), (96, -5)]
    assert after.info.run_name == f"{JOB}-2"


def test_a_run_that_is_known_to_the_server_alone_goes_on_and_a_changed_job_says_so(tmp_path: Path) -> None:
    disk = JobOnDisk(tmp_path, "pole")
    leave(disk.add(Phase.RESTORED, timesteps=128), dump(64, 2), dump(128, 4))
    first = send(disk)
    Place(disk.runs.tracking("pole")).record("mlflow").unlink()
    parent = disk.lineage.sessions[0].restored.checkpoint
    changed = job_json("pole", total_timesteps=512)
    leave(disk.add(Phase.RESTORED, timesteps=160, parent=parent, job=changed))
    done = send(disk)
    assert (done.points, done.run.id) == (0, first.run.id)
    (run,) = runs_of(done.run.identity)
    assert run.data.params["total_timesteps"] == "256"
    assert run.data.tags[f"{NOW}total_timesteps"] == "512"


def test_odd_keys_have_names_that_mlflow_takes_and_no_other_key_has() -> None:
    tracker = Mlflow()
    assert tracker.called(REWARD) == REWARD
    odd = ["wait (s)", "wait [s]", "/a", "a//b", "../a", "..", "w" * 400]
    names = [tracker.called(key) for key in odd]
    assert len({*names, "a", "a/b"}) == len(odd) + 2
    from mlflow.entities import Metric  # noqa: PLC0415 - may not be here
    from mlflow.utils.validation import _validate_metric  # noqa: PLC0415 - its own rule, which servers apply

    for name in names:
        metric = Metric(name, 1.0, 0, 0)
        _validate_metric(metric.key, metric.value, metric.timestamp, metric.step)


def test_a_server_that_does_not_answer_is_one_sentence_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2@127.0.0.1:9/")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    disk = two_sessions(tmp_path)
    with pytest.raises(UnreachableError) as refused:
        send(disk)
    assert str(refused.value).startswith("MLflow: took nothing, or not all: ")
    assert "nothing is lost: see that MLFLOW_TRACKING_URI names a server" in str(refused.value)
    assert "hunter2" not in str(refused.value)
