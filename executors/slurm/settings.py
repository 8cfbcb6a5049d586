"""What a script asks of Slurm, as options of sbatch, and how its time is shared out: pure functions."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_MARGIN_SECONDS = 300.0
MARGIN_SHARE = 1 / 6
_MIB = 1 << 20


@dataclass(frozen=True)
class SlurmSettings:
    """What a script asks for; what is None is as the cluster has it.

    Args:
        partition, account, qos, gres: as sbatch has them.
        cpus: of a script.
        memory: bytes on its node.
        time: seconds after which Slurm ends it.
        extra: further options of sbatch, each as one word.
        folder: of its sandbox, on a file system that the nodes share; the executor's own if not given.
        python: the interpreter that runs it on its node.
        comment: for people who look at the queue.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    gres: str | None = None
    cpus: int | None = None
    memory: int | None = None
    time: float | None = None
    extra: tuple[str, ...] = ()
    folder: Path | None = None
    python: str = sys.executable
    comment: str = ""


def request_options(settings: SlurmSettings) -> list[str]:
    """The options of sbatch that say what a job needs, and not which one it is."""
    named = {
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "gres": settings.gres,
        "cpus-per-task": settings.cpus,
        "mem": None if settings.memory is None else f"{math.ceil(settings.memory / _MIB)}M",
        "time": None if settings.time is None else minutes(settings.time),
    }
    options = [f"--{name}={value}" for name, value in named.items() if value is not None]
    if settings.time is not None:
        options.append(f"--signal=B:TERM@{math.ceil(margin(settings.time))}")
    return [*options, *settings.extra]


def minutes(seconds: float) -> int:
    """A time limit as Slurm takes it: whole minutes, of which a part counts as one."""
    return max(1, math.ceil(seconds / 60))


def margin(time: float) -> float:
    """How long before the end of a job's time Slurm tells it to save a last checkpoint, in seconds.

    Slurm looks at times every half minute, so that it may come as much earlier.
    """
    return min(LONGEST_MARGIN_SECONDS, time * MARGIN_SHARE)


def longest_session(time: float) -> float:
    """The session limit that fits into a job's time: it ends by itself before Slurm tells it to."""
    return time - 2 * margin(time)


def asked_seconds(session_limit: float) -> float:
    """The time of a job whose session is to last so long: the other way round."""
    return min(session_limit + 2 * LONGEST_MARGIN_SECONDS, session_limit / (1 - 2 * MARGIN_SHARE))
