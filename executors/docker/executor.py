"""The docker executor: scripts in containers that are laid out and limited as a session on Kaggle.

The engine may be anywhere: files go in and out through it, and no container sees a folder of this machine.
"""

from __future__ import annotations

import contextlib
import functools
import time
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, NotFound

from contract.errors import BackendError, BackendUnreachableError, RefusedError, SessionLostError
from contract.storage.files import CHUNK_BYTES, human_bytes
from executors.base import Closeable
from executors.docker.archive import packed, unpack_tar
from executors.docker.container import (
    STOP_PATIENCE_SECONDS,
    WORKING,
    WORKING_LABEL,
    WORKLOAD_LABEL,
    container_environment,
    container_names,
    host_config,
    workload_files,
)
from executors.docker.engine import NoGpuError, ask, open_engine, parse_frames, talking_to_engine
from executors.docker.limits import ContainerLimits, DockerSettings, container_limits, free_disk
from executors.docker.log import LogCursor
from executors.docker.status import was_started, workload_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from docker import APIClient

    from contract.storage.coming_back import ComingBack
    from executors.base import Status, Workload
    from executors.docker.container import Attempt

START_PATIENCE_SECONDS = 5.0
"""How long whoever made a container may take to start it."""
KILL_PATIENCE_SECONDS = 60
REMOVE_PATIENCE_SECONDS = 60
_POLL_SECONDS = 0.05
_CONFLICT = 409
_LAST_LINES = 5


class DockerExecutor(Closeable):
    """Scripts in containers of a Docker engine, which outlive the process that started them.

    Args:
        root: a folder that tells this executor's workloads from those of others; nothing is written there.
        settings: how containers are made.
        tell: is told in a line what a workload was given when it starts.
    """

    def __init__(
        self, root: Path, settings: DockerSettings | None = None, tell: Callable[[str], None] | None = None
    ) -> None:
        self._names = container_names(root)
        self._settings = settings or DockerSettings()
        self._tell = tell
        self._cursors: dict[str, LogCursor] = {}

    @functools.cached_property
    def _api(self) -> APIClient:
        return open_engine().api

    def start(self, workload: Workload) -> None:
        """Lay out the container and start it; a name starts one container, and that once at most.

        Raises:
            BackendUnreachableError: the engine gives no answer any more.
            RefusedError: it is not there, refuses, or lacks the image or the GPU; nothing stays behind.
        """
        is_there = False
        try:
            with talking_to_engine(self._settings.image):
                is_there = self._api.ping()
                if self._find(workload.name) is not None or not self._submit(workload):
                    self._join(workload.name)
        except BackendError as error:
            if is_there and isinstance(error, BackendUnreachableError):
                raise
            raise RefusedError(error.subject, error.problem, error.remedy) from error

    def has(self, name: str) -> bool:
        """Whether a container of that name was started; one that was only made is started by the next `start`."""
        with talking_to_engine():
            container = self._find(name)
        return container is not None and was_started(container)

    def status(self, name: str) -> Status:
        """Where its container stands."""
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        with talking_to_engine():
            while not was_started(container := self._existing(name)) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            return workload_status(container, lambda: self._api.logs(container["Id"], tail=_LAST_LINES))

    def logs(self, name: str, offset: int) -> bytes:
        """What it has printed from byte `offset` on."""

        def frames(since: float | None = None, last: int | None = None) -> Iterable[bytes]:
            wanted: dict[str, str | float] = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": last or "all"}
            if since is not None:
                wanted["since"] = since
            return parse_frames(ask(self._api, f"/containers/{container}/logs", stream=False, **wanted).content)

        with talking_to_engine():
            container = self._existing(name)["Id"]
            return self._cursors.setdefault(container, LogCursor()).read(frames, offset)

    def fetch(self, name: str, folder: Path, coming: ComingBack | None = None) -> None:
        """Copy the files of /kaggle/working; links, special files and half-written ones stay behind."""
        with talking_to_engine():
            container = self._existing(name)
            with ask(self._api, f"/containers/{container['Id']}/archive", stream=True, path=WORKING) as answer:
                most_bytes = int(container["Config"]["Labels"][WORKING_LABEL])
                unpack_tar(answer.iter_content(CHUNK_BYTES), folder, most_bytes, coming)

    def stop(self, name: str) -> None:
        """Ask it to stop by SIGTERM; one that has ended stays as it is."""
        self._signal(name, "SIGTERM")

    def kill(self, name: str) -> None:
        """End it at once; one that has ended stays as it is."""
        self._signal(name, "SIGKILL")
        with talking_to_engine():
            self._api.wait(self._existing(name)["Id"], timeout=KILL_PATIENCE_SECONDS)

    def remove(self, name: str) -> None:
        """Remove its container, running or not, and its volumes."""
        with talking_to_engine():
            self._clear(self._names.filters(name))

    def close(self) -> None:
        """Let go of the connection; what runs goes on, and the next call opens another."""
        if "_api" in self.__dict__:
            self._api.close()
            del self._api

    def _submit(self, workload: Workload) -> bool:
        """Make the container and start it; False where somebody else has made one meanwhile."""
        attempt = self._names.attempt(workload.name)
        engine = self._api.info()
        limits = container_limits(self._settings, engine, free_disk(engine, self._api.base_url))
        try:
            self._fill(workload, attempt)
            if workload.gpu and self._settings.gpu_is_optional:
                try:
                    return self._make_and_start(workload, limits, attempt, gpu=True)
                except NoGpuError:
                    return self._make_and_start(workload, limits, attempt, gpu=False)
            return self._make_and_start(workload, limits, attempt, gpu=workload.gpu)
        except BaseException:
            self._discard(attempt)
            raise

    def _fill(self, workload: Workload, attempt: Attempt) -> None:
        """Put the workload's files into its volumes, through a container that never runs."""
        config = self._api.create_host_config(mounts=attempt.mounts(to_fill=True), network_mode="none")
        self._api.create_container(
            self._settings.image, name=attempt.name, labels=attempt.labels, host_config=config, use_config_proxy=False
        )
        self._api.put_archive(attempt.name, "/", packed(workload_files(workload)))
        self._api.remove_container(attempt.name)

    def _make_and_start(self, workload: Workload, limits: ContainerLimits, attempt: Attempt, *, gpu: bool) -> bool:
        name = self._names.container(workload.name)
        try:
            made = self._api.create_container(
                self._settings.image,
                name=name,
                labels={**attempt.labels, WORKING_LABEL: str(limits.working)},
                environment=container_environment(workload, limits),
                user=self._settings.user,
                host_config=host_config(self._api, workload, limits, attempt, gpu=gpu),
                stop_timeout=STOP_PATIENCE_SECONDS,
                use_config_proxy=workload.internet,
            )
        except APIError as error:
            if error.status_code != _CONFLICT:
                raise
            self._discard(attempt)
            return False
        self._start(made["Id"])
        if self._tell is not None:
            self._tell(_summary(name, self._settings.image, limits, gpu=gpu, internet=workload.internet))
        return True

    def _join(self, workload: str) -> None:
        """Wait until whoever makes the container has started it; where nobody does, do it."""
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        # The engine keeps the name for its maker before it knows the container.
        while (container := self._find(workload)) is None or not was_started(container):
            if time.monotonic() >= deadline:
                self._start(self._existing(workload)["Id"])
                return
            time.sleep(_POLL_SECONDS)

    def _start(self, container: str) -> None:
        with talking_to_engine(self._settings.image):
            try:
                self._api.start(container)
            except BaseException:
                self._remove_container(container)
                raise

    def _find(self, workload: str) -> dict[str, Any] | None:
        """The workload's container as the engine describes it, or None."""
        try:
            container: dict[str, Any] = self._api.inspect_container(self._names.container(workload))
        except NotFound:
            return None
        return container if container["Config"]["Labels"].get(WORKLOAD_LABEL) == workload else None

    def _existing(self, workload: str) -> dict[str, Any]:
        container = self._find(workload)
        if container is None:
            raise SessionLostError(f"session {workload}", f"its container {self._names.container(workload)} is gone")
        return container

    def _signal(self, workload: str, name: str) -> None:
        with talking_to_engine():
            try:
                self._api.kill(self._existing(workload)["Id"], name)
            except APIError as error:
                if error.status_code != _CONFLICT:  # it does not run
                    raise

    def _discard(self, attempt: Attempt) -> None:
        """Remove what an attempt has made that came to nothing."""
        self._remove_container(attempt.name)
        for volume in attempt.volumes:
            with contextlib.suppress(NotFound):
                self._api.remove_volume(volume)

    def _clear(self, filters: dict[str, list[str]]) -> None:
        for container in self._api.containers(all=True, filters=filters):
            self._remove_container(container["Id"])
        for volume in self._api.volumes(filters=filters)["Volumes"] or []:
            with contextlib.suppress(NotFound):
                self._api.remove_volume(volume["Name"])

    def _remove_container(self, container: str) -> None:
        with contextlib.suppress(NotFound):
            try:
                self._api.remove_container(container, force=True)
            except APIError as error:
                if error.status_code != _CONFLICT:
                    raise
                # A command that was killed has begun to.
                self._api.wait(container, timeout=REMOVE_PATIENCE_SECONDS, condition="removed")


def _summary(name: str, image: str, limits: ContainerLimits, *, gpu: bool, internet: bool) -> str:
    """What a workload is given, in one line."""
    given = (
        image,
        f"{limits.cpus:g} CPUs",
        f"{human_bytes(limits.memory)} of memory",
        "a GPU" if gpu else "no GPU",
        "the network" if internet else "no network",
    )
    cuts = f" (this engine has {' and '.join(limits.cuts)})" if limits.cuts else ""
    return f"container {name}: {', '.join(given)}{cuts}"
