"""MLflow: a run is found again by a tag of ours and asked for what it has, so that nothing is noted here."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import re
from typing import TYPE_CHECKING, Any

from runner.extras import have
from runner.tracking.libraries import preset, unreachable, without_secrets
from runner.tracking.values import Sent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.curve.measurements import Measurement
    from runner.tracking.values import Held, Run

ID = "kaggle_relay.id"
NOW = "now."
"""Before the name of a parameter that the job has changed since the run began: MLflow's own stay as they were."""
MOST_METRICS, MOST_PARAMETERS = 1_000, 100
"""Of a request, as its server bounds them."""
_LONGEST_VALUE, _LONGEST_NAME, _DIGITS = 5_000, 240, 8
_NOT_IN_A_NAME = re.compile(r"[^\w.\- :/]")
_REMEDY = "see that MLFLOW_TRACKING_URI names a server or database that answers"


class Mlflow:
    """MLflow's tracking server, or a database of this machine, as its own variables name it."""

    name = "mlflow"

    def __init__(self) -> None:
        have("doit track to=mlflow", ["mlflow"], "mlflow")
        # Not minutes of trying, and nothing that tells others of the user.
        preset(MLFLOW_HTTP_REQUEST_MAX_RETRIES="3", MLFLOW_HTTP_REQUEST_TIMEOUT="30")
        preset(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_LOGGING_LEVEL="WARNING")

    def called(self, key: str) -> str:
        """The key, or one that MLflow takes and that no other key has."""
        name = posixpath.normpath(_NOT_IN_A_NAME.sub("_", key)).strip("/.")
        if name == key and len(key) <= _LONGEST_NAME:
            return key
        return f"{name[: _LONGEST_NAME - _DIGITS - 1]}-{hashlib.sha256(key.encode()).hexdigest()[:_DIGITS]}"

    def held(self, run: Run) -> Held:
        """What its run with the tag of ours has, key by key."""
        with _answers():
            found = self._found(run)
            if found is None:
                return {}
            return {
                key: {each.step: each.value for each in self._client.get_metric_history(found.info.run_id, key)}
                for key in found.data.metrics
            }

    def send(self, run: Run, points: Sequence[Measurement]) -> Sent:
        """Log `points` in its run, which is made where there is none."""
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - takes a second, and may not be here

        with _answers():
            found = self._found(run) or self._begun(run)
            run_id, begun_with = found.info.run_id, dict(found.data.params)
            told = {name[:_LONGEST_NAME]: value[:_LONGEST_VALUE] for name, value in run.parameters.items()}
            told = {self.called(name): value for name, value in told.items()}
            new = [Param(name, value) for name, value in told.items() if name not in begun_with]
            changed = {f"{NOW}{name}": value for name, value in told.items() if begun_with.get(name, value) != value}
            tags = [RunTag(name, value[:_LONGEST_VALUE]) for name, value in {**run.tags, **changed}.items()]
            for some in _parts(new, MOST_PARAMETERS):
                self._client.log_batch(run_id, params=some)
            for some in _parts(tags, MOST_PARAMETERS):
                self._client.log_batch(run_id, tags=some)
            metrics = [Metric(each.key, each.value, round(each.at * 1000), each.timesteps) for each in points]
            for some in _parts(metrics, MOST_METRICS):
                self._client.log_batch(run_id, metrics=some)
            self._client.set_terminated(run_id)
            return Sent(f"run {found.info.run_name} of {without_secrets(str(self._client.tracking_uri))}, {run_id}")

    @property
    def _client(self) -> Any:
        from mlflow import MlflowClient  # noqa: PLC0415 - takes a second, and may not be here

        return MlflowClient()

    def _found(self, run: Run) -> Any:
        """The run with the tag of ours, wherever it was filed."""
        experiments = [each.experiment_id for each in self._client.search_experiments()]
        if not experiments:
            return None
        found = self._client.search_runs(experiments, filter_string=f"tags.`{ID}` = '{run.id}'", max_results=1)
        return found[0] if found else None

    def _begun(self, run: Run) -> Any:
        """A new run, which has the tag from its first moment on."""
        from mlflow.environment_variables import MLFLOW_EXPERIMENT_NAME  # noqa: PLC0415 - as above

        name = MLFLOW_EXPERIMENT_NAME.get() or run.project
        experiment = self._client.get_experiment_by_name(name)
        experiment_id = experiment.experiment_id if experiment else self._client.create_experiment(name)
        return self._client.create_run(experiment_id, tags={ID: run.id}, run_name=run.name)


@contextlib.contextmanager
def _answers() -> Iterator[None]:
    """Have what MLflow raises be one sentence."""
    import requests  # noqa: PLC0415 - takes a while, and MLflow has it anyway
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - may not be here

    try:
        yield
    except (MlflowException, requests.RequestException, ImportError, OSError) as error:
        raise unreachable("MLflow", error, _REMEDY) from error


def _parts(values: list[Any], most: int) -> Iterator[list[Any]]:
    for begins in range(0, len(values), most):
        yield values[begins : begins + most]
