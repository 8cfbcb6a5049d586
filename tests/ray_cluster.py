"""A real Ray cluster of several nodes on this machine, for the tests that need one.

Where Ray is not installed they are skipped with a reason, and in CI on Linux that is a failure. The nodes share this
machine's name and differ by their ports and by a resource of their own. Whatever they start has the cluster's folder in
its variables, and ends with it: also where the tests are killed, since a process of its own waits for that
(`python ray_cluster.py FOLDER`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_RAY = 'Ray is not installed: pip install "kaggle-relay[ray]"'
HEAD = "head"
CPUS = 2
LAUNCHER = "local_launcher.py"
MARK = "RELAY_TESTS_RAY"
PATIENCE_SECONDS = 180
TRIES = 3
"""Of a node to begin: Ray gives each half a minute, however busy the machine is."""
OBJECT_STORE_BYTES = 80_000_000  # the least that Ray takes
IMPATIENT = (
    '{"gcs_rpc_server_reconnect_timeout_s": 5, "health_check_initial_delay_ms": 1000, '
    '"health_check_period_ms": 1000, "health_check_timeout_ms": 3000, "health_check_failure_threshold": 3}'
)
"""A node that is gone is missed within seconds, and a head that is gone ends its nodes as soon."""
_LEFT_OUT = ("PYTHONPATH", "RELAY_", "RAY_", "COVERAGE_")
"""How variables begin that the cluster is not to have from the tests."""
_TESTS_OWN = ("PYTHONPATH", "RELAY_TESTS_")
"""How those begin that the tests' own Python has there (`RayCluster.python`): so sessions are guarded, and forks."""


class RayCluster:
    """A cluster in a folder of its own.

    Args:
        folder: for all that it writes; its path is short, since sockets lie in it.
        nodes: what its nodes are called, and the resource that each alone has; without any its head runs jobs itself.
        start_seconds: after which it gives up a job for which no node has room.
    """

    def __init__(self, folder: Path, nodes: tuple[str, ...], start_seconds: int) -> None:
        self._folder = folder
        self._nodes = nodes
        self._start_seconds = start_seconds
        from tests.cluster import free_ports  # noqa: PLC0415 - not found where this file runs by itself

        self._gcs, self._dashboard, self._client, *self._agents = free_ports(4 + len(nodes))
        self.address = f"http://127.0.0.1:{self._dashboard}"
        self.python = folder / "python"

    def start(self) -> None:
        """Start all of it."""
        variables = {name: value for name, value in os.environ.items() if name.startswith(_TESTS_OWN)}
        lines = [f"export {name}='{value}'" for name, value in variables.items()]
        lines += [f"exec '{sys.executable}' \"$@\"", ""]
        self.python.write_text("\n".join(["#!/bin/sh", *lines]), encoding="utf-8")
        self.python.chmod(0o700)
        self.start_head()
        if self._nodes:
            self.start_nodes(*self._nodes)

    def start_head(self) -> None:
        """Start the head, which knows nothing of an earlier one, and wait for its answer."""
        head = ["--head", f"--port={self._gcs}", "--include-dashboard=true", "--dashboard-host=127.0.0.1"]
        head += [f"--dashboard-port={self._dashboard}", f"--ray-client-server-port={self._client}"]
        head += [f"--temp-dir={self._folder / 't'}", f"--system-config={IMPATIENT}"]
        self._start(HEAD, self._agents[0], f"--num-cpus={0 if self._nodes else CPUS}", *head)
        self._wait(lambda: self._alive() == 1)

    def start_nodes(self, *nodes: str) -> None:
        """Start some nodes, and wait until the cluster has them."""
        before = self._alive()
        for node in nodes:  # one at a time, as each has only so long to begin
            agent = self._agents[1 + self._nodes.index(node)]
            own = f'--resources={{"{node}": 100}}'
            self._start(node, agent, f"--address=127.0.0.1:{self._gcs}", f"--num-cpus={CPUS}", own)
        self._wait(lambda: self._alive() == before + len(nodes))

    def jobs(self) -> dict[str, str]:
        """Of each job that the head was ever given, where it stands."""
        import httpx  # noqa: PLC0415 - the process that waits for the end of the tests needs none

        return {job["submission_id"]: job["status"] for job in httpx.get(f"{self.address}/api/jobs/").json()}

    def kill(self, node: str) -> None:
        """End a node, or the head, as a power cut does, with all that runs on it."""
        end_processes(f"{self._folder}:{node}")

    def wait_for_the_end_of(self, *nodes: str) -> None:
        """Until some nodes have ended with all that they ran, as they do by themselves once their head is gone."""
        self._wait(lambda: not any(self._runs_jobs(node) for node in nodes))
        for node in nodes:
            self.kill(node)  # what is left reads logs, and would do so for ever

    def _runs_jobs(self, node: str) -> bool:
        for process in marked_processes(f"{self._folder}:{node}"):
            with contextlib.suppress(psutil.Error):
                if process.name() == "raylet" or any(LAUNCHER in each for each in process.cmdline()):
                    return True
        return False

    def stop(self) -> None:
        """End all of it, what it runs too."""
        end_processes(str(self._folder))

    def _start(self, node: str, agent: int, *options: str) -> None:
        program = Path(sys.executable).with_name("ray")
        common = ["--num-gpus=0", f"--object-store-memory={OBJECT_STORE_BYTES}", "--disable-usage-stats"]
        common += ["--min-worker-port=0", "--max-worker-port=0", f"--dashboard-agent-listen-port={agent}"]
        variables = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
        variables |= {
            MARK: f"{self._folder}:{node}",
            "RAY_JOB_START_TIMEOUT_SECONDS": str(self._start_seconds),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        said = self._folder / f"{node}.out"
        for _ in range(TRIES):
            with said.open("ab") as output:
                ended = subprocess.run(
                    [str(program), "start", *options, *common],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=variables,
                    start_new_session=True,
                    timeout=PATIENCE_SECONDS,
                    check=False,
                )
            if ended.returncode == 0:
                return
            self.kill(node)
        raise AssertionError(said.read_text(encoding="utf-8", errors="replace")[-4000:])

    def _alive(self) -> int:
        # Imported here, as they would not be found where this file runs by itself.
        from contract.errors import BackendError  # noqa: PLC0415
        from executors.ray.cluster import RayCluster as Asked  # noqa: PLC0415

        try:
            return sum(node.is_alive for node in Asked(self.address).nodes())
        except BackendError:
            return 0

    def _wait(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "the cluster did not come up"
            time.sleep(0.1)


def marked_processes(mark: str) -> set[psutil.Process]:
    """The processes whose mark begins so, and what they have started: some give themselves a name over their mark."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK, "").startswith(mark) and process.status() != psutil.STATUS_ZOMBIE:
                found |= {process, *process.children(recursive=True)}
    return found


def end_processes(mark: str) -> None:
    """Kill them, those too that they start meanwhile."""
    while found := marked_processes(mark):
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.05)  # one that has ended may take seconds to be reaped, and is none of them


def is_installed() -> bool:
    """Whether Ray is there."""
    return importlib.util.find_spec("ray") is not None


@contextlib.contextmanager
def running_ray(*nodes: str, start_seconds: int = 900) -> Iterator[RayCluster]:
    """A cluster, which this process and what it starts ask while the block lasts.

    Args:
        nodes: what they are called that it has beside its head.
        start_seconds: after which it gives up a job for which no node has room.
    """
    import pytest  # noqa: PLC0415 - see above

    from tests.services import NEVER_SKIPPED  # noqa: PLC0415 - not found where this file runs by itself

    if not is_installed():
        (pytest.fail if NEVER_SKIPPED else pytest.skip)(NO_RAY)
    folder = Path(tempfile.mkdtemp(prefix="relay-ray-"))
    command = [sys.executable, "-I", __file__, str(folder)]
    # In a session of its own: what ends the tests by a signal to all of them is not to end it too.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as waiting:
        assert waiting.stdin is not None
        there = RayCluster(folder, nodes, start_seconds)
        try:
            there.start()
            with pytest.MonkeyPatch.context() as patch:
                patch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
                patch.setenv("RAY_ADDRESS", there.address)
                yield there
        finally:
            waiting.stdin.close()


def main(folder: Path) -> None:
    """Wait for the end of whoever holds the other end of this process's input, and then end the cluster."""
    sys.stdin.buffer.read()
    end_processes(str(folder))
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
