"""A Ray cluster as its own client sees it: what it answers, or an error that says what to do.

Importing Ray takes most of a second, so nothing here does before a cluster is asked.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

from contract.errors import (
    BackendError,
    BackendUnreachableError,
    CredentialsError,
    RefusedError,
    RelayError,
    UnavailableError,
)
from contract.plain_text import one_line
from executors.ray.settings import STOP_WAIT_SECONDS
from executors.ray.words import RUNNING, RayJob, RayNode, is_answer, is_refusal, is_taken, is_unknown, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from executors.ray.settings import Submission

PATIENCE_SECONDS = 60.0
"""For one answer; Ray's own client would wait for ever."""
SUBJECT = "Ray"
_OVERRIDING = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
"""By which Ray's client goes whatever it is told, the first one first."""
_NO_RAY = 'run `pip install "kaggle-relay[ray]"`, or `pip install "ray[default]"`'
_MOST_NODES = 10_000


class _RefusedByRayError(Exception):
    """An answer that was no, in Ray's words; told to nobody."""


class RayCluster:
    """A cluster whose dashboard answers, or has just answered.

    Args:
        address: of its dashboard; None for the one that Ray finds by itself on this machine.

    Raises:
        UnavailableError: Ray is not installed here.
        BackendError: what answers is no cluster, or of a version that this machine's Ray does not understand.
        BackendUnreachableError: there was no answer.
    """

    def __init__(self, address: str | None) -> None:
        with _only(address), _answering(address):
            self._client: Any = _client_class()(address)
            self.address = str(self._client.get_address()).rstrip("/")
        self.answers_since = time.monotonic()
        """Since when it has answered this process, without a pause and without having forgotten a job meanwhile."""
        self._known: set[str] = set()

    def known_job(self, name: str) -> RayJob | None:
        """The job of that submission id, as Ray knows it.

        Raises:
            BackendUnreachableError: there was no answer.
        """
        try:
            with self._answering():
                info = self._client.get_job_info(name)
        except _RefusedByRayError as error:
            if is_unknown(str(error)):
                if name in self._known:  # its head was started anew
                    self._known.clear()
                    self.answers_since = time.monotonic()
                return None
            raise self._unreachable(error) from None
        self._known.add(name)
        state = str(getattr(info.status, "value", info.status))
        is_gone = state == RUNNING and info.driver_node_id is not None and self._is_gone(info.driver_node_id)
        return RayJob(name, state, info.error_type, info.message or "", is_gone)

    def submit(self, name: str, command: str, submission: Submission) -> None:
        """Submit a job once: one of that name that the cluster knows is left as it is.

        Args:
            name: its submission id.
            command: what a shell of its node runs.
            submission: what it asks for.

        Raises:
            RefusedError: Ray did not take it.
            BackendUnreachableError: perhaps it did: it is to be looked for before it is submitted again.
        """
        try:
            with self._answering():
                self._client.submit_job(
                    submission_id=name,
                    entrypoint=command,
                    runtime_env={"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_SECONDS)}},
                    metadata={"kaggle-relay": submission.note} if submission.note else {},
                    entrypoint_num_cpus=submission.cpus,
                    entrypoint_num_gpus=submission.gpus or None,
                    entrypoint_memory=submission.memory,
                    entrypoint_resources=dict(submission.resources) or None,
                )
        except _RefusedByRayError as error:
            if is_taken(str(error)):
                return
            if not is_refusal(str(error)):
                raise self._unreachable(error) from None
            problem = f"does not take the job: {refusal(str(error))}"
            raise RefusedError(SUBJECT, problem, "correct ray in jobs.yaml") from None

    def stop(self, name: str) -> None:
        """Have Ray end a job, by SIGTERM first; one that has ended stays as it is.

        Raises:
            BackendUnreachableError: there was no answer.
        """
        try:
            with self._answering():
                self._client.stop_job(name)
        except _RefusedByRayError as error:
            if not is_unknown(str(error)):
                raise self._unreachable(error) from None

    def versions(self) -> tuple[str, str]:
        """Ray's version there and here."""
        import ray  # noqa: PLC0415 - imported already

        there = getattr(self._client, "_server_ray_version", None) or ray.__version__
        return str(there), str(ray.__version__)

    def nodes(self, *identities: str) -> Sequence[RayNode]:
        """The nodes of these ids, or all of them.

        Raises:
            BackendUnreachableError: there was no answer.
        """
        from ray.util.state import list_nodes  # noqa: PLC0415 - see above

        filters = [("node_id", "=", identity) for identity in identities]
        with _only(self.address), self._answering():
            found = list_nodes(self.address, filters=filters, limit=_MOST_NODES, timeout=PATIENCE_SECONDS)
            return [RayNode(each.node_id, each.state == "ALIVE", dict(each.resources_total or {})) for each in found]

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            with _answering(self.address):
                yield
        except BackendUnreachableError:
            self.answers_since = math.inf
            raise
        if self.answers_since == math.inf:
            self.answers_since = time.monotonic()

    def _unreachable(self, error: _RefusedByRayError) -> BackendUnreachableError:
        return BackendUnreachableError(SUBJECT, f"{_place(self.address)} gives no answer ({refusal(str(error))})")

    def _is_gone(self, node: str) -> bool:
        """Whether a node is known to be dead; where that cannot be found out, Ray's word for the job stands."""
        try:
            return any(not each.is_alive for each in self.nodes(node))
        except BackendError:
            return False


def connected(address: str | None) -> RayCluster:
    """The cluster at an address, which this process asks for its version once."""
    if address not in _CONNECTED:
        cluster = RayCluster(address)
        _CONNECTED[cluster.address] = cluster
        return cluster
    return _CONNECTED[address]


_CONNECTED: dict[str | None, RayCluster] = {}
"""Each stage of a session opens its backend anew, and what a cluster is known to be holds for all of them."""


def entrypoint(command: Sequence[str], log: str) -> str:
    """What a shell of the node runs: it becomes the launcher, whose output goes to the sandbox."""
    return f"exec {shlex.join(command)} >>{shlex.quote(log)} 2>&1 </dev/null"


def stated_address(own: str | None, variables: Mapping[str, str]) -> str | None:
    """The cluster to ask: Ray's variables go before what a job says, as in Ray itself."""
    return next((variables[name] for name in _OVERRIDING if variables.get(name)), own)


def _client_class() -> Any:
    """Ray's client, each of whose questions has an end.

    Raises:
        UnavailableError: Ray is not installed here.
    """
    path = list(sys.path)
    try:
        from ray.job_submission import JobSubmissionClient  # noqa: PLC0415 - see above
    except ImportError:
        raise UnavailableError(SUBJECT, "is needed, and not installed here", _NO_RAY) from None
    finally:
        sys.path[:] = path  # it puts copies of other libraries there
    for name in ("job.sdk", "dashboard_sdk"):
        logging.getLogger(f"ray.dashboard.modules.{name}").setLevel(logging.WARNING)

    class Client(JobSubmissionClient):  # type: ignore[misc] # Ray need not be there when types are checked
        def _do_request(self, method: str, endpoint: str, **options: Any) -> Any:
            return super()._do_request(method, endpoint, **{"timeout": PATIENCE_SECONDS, **options})

    return Client


@contextlib.contextmanager
def _only(address: str | None) -> Iterator[None]:
    """Have Ray go by `address`, and by none of its variables."""
    hidden = {} if address is None else {name: os.environ.pop(name) for name in _OVERRIDING if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextlib.contextmanager
def _answering(address: str | None) -> Iterator[None]:
    """Turn what Ray's client raises into errors of ours.

    Raises:
        _RefusedByRayError: there was an answer, and it was no.
        BackendError, CredentialsError, BackendUnreachableError: as their names say.
    """
    try:
        yield
    except RelayError:
        raise
    except RuntimeError as error:
        if is_answer(str(error)):
            raise _RefusedByRayError(str(error)) from None
        remedy = "install the Ray here that the cluster has, or correct ray.address"
        raise BackendError(SUBJECT, f"{_place(address)}: {one_line(str(error), 200)}", remedy) from None
    except (ValueError, KeyError, TypeError) as error:
        problem = f"what {_place(address)} says is not understood ({one_line(str(error), 200)})"
        remedy = "see that its address is that of a Ray dashboard, and install the Ray here that the cluster has"
        raise BackendError(SUBJECT, problem, remedy) from None
    except Exception as error:
        if not isinstance(error, OSError) and not type(error).__module__.startswith("ray."):
            raise
        said = one_line(str(error), 200)
        if type(error).__name__ == "AuthenticationError":
            remedy = "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to the cluster's"
            raise CredentialsError(SUBJECT, f"{_place(address)} refuses you ({said})", remedy) from None
        if address is None:
            remedy = "start one by `ray start --head`, or set RAY_ADDRESS or ray.address to one"
            raise BackendError(SUBJECT, f"there is no cluster on this machine ({said})", remedy) from None
        raise BackendUnreachableError(SUBJECT, f"{_place(address)} gives no answer ({said})") from None


def _place(address: str | None) -> str:
    return "the cluster of this machine" if address is None else f"the cluster at {address}"
