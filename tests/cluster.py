"""A real Slurm cluster of three nodes on this machine, for the tests that need one.

Where Slurm is not installed they are skipped with a reason; in CI on Linux that is a failure, so that they are never
skipped there. Without systemd, control groups or a network: one munged, one controller and three nodes, which share
this machine's name and differ by their ports.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEVER_SKIPPED = os.environ.get("CI") == "true" and sys.platform == "linux"
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
SYSTEM_PROGRAMS = "/usr/sbin"
"""Where Debian has those of a cluster itself, and many users do not look."""
NEEDS_CONTROL_GROUPS = (23, 11)
"""From here on nodes want them unless they are told otherwise, which earlier ones do not understand."""
NO_SLURM = "Slurm is not installed: apt-get install slurmctld slurmd slurm-client munge"
NODES = ("n1", "n2", "n3")
CPUS = 2
PATIENCE_SECONDS = 60
CONFIGURATION = """
ClusterName=relay
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=2,batch_sched_delay=0,sched_min_interval=0
SlurmdParameters=config_overrides
SlurmctldTimeout=10
SlurmdTimeout=10
MessageTimeout={patience}
MinJobAge={forgets_after}
KillWait=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=1-0 State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=60
PartitionName=high Nodes=ALL MaxTime=1-0 State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=closed Nodes=n3 MaxTime=1-0 State=DOWN
"""


class Cluster:
    """A cluster in a folder of its own.

    Args:
        folder: for all that it writes; its path is short, since a socket lies in it.
        forgets_after: seconds for which it knows of a job that has ended.
    """

    def __init__(self, folder: Path, forgets_after: int) -> None:
        self._forgets_after = forgets_after
        self._folder = folder
        self.configuration = folder / "slurm.conf"
        self.impatient = folder / "impatient.conf"
        """The same for who asks a controller that may not be there: one that is busy gives such a one no answer."""
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Write down what it is, and start all of it."""
        for name in ("state", *(f"spool/{node}" for node in NODES)):
            (self._folder / name).mkdir(parents=True)
        host, ports = socket.gethostname().split(".")[0], free_ports(1 + len(NODES))
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} RealMemory=2000"
            for node, port in zip(NODES, ports[1:], strict=True)
        )
        for path, patience in ((self.configuration, 3), (self.impatient, 1)):
            text = CONFIGURATION.format(
                host=host,
                ports=ports,
                user=getpass.getuser(),
                folder=self._folder,
                nodes=nodes,
                forgets_after=self._forgets_after,
                patience=patience,
            )
            path.write_text(text, encoding="utf-8")
        if version() >= NEEDS_CONTROL_GROUPS:
            self.configuration.with_name("cgroup.conf").write_text("CgroupPlugin=disabled\n", encoding="utf-8")
        key = self._folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        files = [f"--{each}-file={self._folder}/munge.{each}" for each in ("key", "pid", "log", "seed")]
        self._run("munged", ["munged", "--force", "--foreground", f"--socket={self._folder}/munge.socket", *files])
        self._wait((self._folder / "munge.socket").exists)
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        self._wait(lambda: self.ask("sinfo", "-h", "-p", "main", "-t", "idle", "-o", "%D").strip() == str(len(NODES)))

    def start_controller(self) -> None:
        """Start the controller, which goes on from what it knew, and wait for its answer."""
        self._run("slurmctld", ["slurmctld", "-D"])
        self._wait(lambda: bool(self._ask(self.impatient, "sinfo", "-h", "-o", "%D")))

    def stop_controller(self) -> None:
        """End the controller, which writes down what it knows; nodes and jobs go on."""
        controller = self._running.pop("slurmctld")
        controller.send_signal(signal.SIGTERM)
        controller.wait(PATIENCE_SECONDS)

    def start_node(self, node: str) -> None:
        self._run(node, ["slurmd", "-D", "-N", node])

    def kill_node(self, node: str) -> None:
        """End a node as a power cut does, with all that runs on it."""
        self._running[node].kill()
        self._running.pop(node).wait()
        self._kill_processes(node)

    def _kill_processes(self, *nodes: str) -> None:
        """Kill what runs on some nodes: the scripts, whatever they have started, and what watches over each."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                variables = process.environ()
                is_script = variables.get("SLURM_CONF") == str(self.configuration)
                if (is_script and variables.get("SLURMD_NODENAME") in nodes) or self._watches(process, nodes):
                    process.kill()

    def _watches(self, process: psutil.Process, nodes: tuple[str, ...]) -> bool:
        logs = {str(self._folder / f"slurmd-{node}.log") for node in nodes}
        return process.name() == "slurmstepd" and not logs.isdisjoint(each.path for each in process.open_files())

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints; nothing where the controller does not answer."""
        return self._ask(self.configuration, *command)

    def _ask(self, configuration: Path, *command: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")}
        environment |= {"SLURM_CONF": str(configuration), "LC_ALL": "C"}
        answer = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, env=environment)
        return answer.stdout if answer.returncode == 0 else ""

    def run(self, *words: str) -> None:
        """Submit a job and wait for its end, for which sbatch itself looks every few seconds only."""
        number = self.ask("sbatch", "--parsable", *words).strip()
        assert number

        def is_over() -> bool:
            said = self.ask("squeue", "-o", "%A").split()  # with a heading, so that there is something in an answer
            return bool(said) and number not in said

        self._wait(is_over)

    def jobs(self) -> list[str]:
        """Number, state and partition of each job that the controller knows, oldest first."""
        return self.ask("squeue", "--states=all", "-h", "-o", "%A %T %P", "--sort=i").splitlines()

    def submissions(self) -> int:
        """How many jobs it was ever given."""
        lines = self.ask("scontrol", "show", "config").splitlines()
        (following,) = [line for line in lines if line.startswith("NEXT_JOB_ID")]
        return int(following.partition("=")[2]) - 1

    def stop(self) -> None:
        """End all of it, what it runs too."""
        self._kill_processes(*NODES)
        for process in self._running.values():
            process.kill()
            process.wait()

    def _run(self, name: str, command: list[str]) -> None:
        environment = {**os.environ, "SLURM_CONF": str(self.configuration), "PATH": _path()}
        with (self._folder / f"{name}.out").open("ab") as output:
            program = shutil.which(command[0], path=environment["PATH"])
            self._running[name] = subprocess.Popen(
                [str(program), *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )

    def _wait(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            for name, process in self._running.items():
                if process.poll() is not None:
                    pytest.fail(f"{name} ended: {(self._folder / f'{name}.out').read_text(errors='replace')[-2000:]}")
            assert time.monotonic() < deadline, "the cluster did not come up"
            time.sleep(0.02)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, chosen at once so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def is_installed() -> bool:
    """Whether Slurm's programs are there."""
    return all(shutil.which(program, path=_path()) for program in NEEDED)


def version() -> tuple[int, ...]:
    """Slurm's version, such as 22.05."""
    program = str(shutil.which("slurmctld", path=_path()))
    said = subprocess.run([program, "-V"], capture_output=True, encoding="utf-8", check=False).stdout
    return tuple(int(each) for each in said.split()[-1].split(".")[:2])


def _path() -> str:
    return f"{os.environ['PATH']}{os.pathsep}{SYSTEM_PROGRAMS}"


@contextlib.contextmanager
def running_cluster(forgets_after: int = 300) -> Iterator[Cluster]:
    """A cluster, which this process and what it starts ask while the block lasts.

    Args:
        forgets_after: seconds for which it knows of a job that has ended, as many as Slurm's own default.
    """
    if not is_installed():
        if NEVER_SKIPPED:
            pytest.fail(NO_SLURM)
        pytest.skip(NO_SLURM)
    folder = Path(tempfile.mkdtemp(prefix="relay-slurm-"))
    there = Cluster(folder, forgets_after)
    try:
        there.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", str(there.configuration))
            yield there
    finally:
        there.stop()
        shutil.rmtree(folder, ignore_errors=True)
