"""What Slurm's commands say, as values and in words: pure functions, so that each answer can be tried."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOOK_FORMAT = "%j|%i|%T|%r"
"""Of squeue: name, number, state, reason."""
RECORD_FORMAT = "JobID,State,Reason"
"""The same of sacct, without the name."""
_NUMBER = re.compile(r"[0-9]+(?:_[0-9]+)?")
"""Of a job, or of a task in an array."""

WAITING = frozenset(
    {
        "CONFIGURING",
        "PENDING",
        "POWER_UP_NODE",
        "REQUEUED",
        "REQUEUE_FED",
        "REQUEUE_HOLD",
        "RESV_DEL_HOLD",
        "SPECIAL_EXIT",
    }
)
ENDING = "COMPLETING"

_REASONS = {
    "None": "it was submitted a moment ago",
    "BeginTime": "its time to begin has not come",
    "Dependency": "it waits for another job",
    "InvalidAccount": "its account may not be used: correct slurm.account",
    "InvalidQOS": "its QOS may not be used: correct slurm.qos",
    "JobHeldAdmin": "an administrator holds it",
    "JobHeldUser": "it is held: `scontrol release {number}` lets it go",
    "Licenses": "it waits for a licence",
    "PartitionConfig": "no node of its partition has what it asks for: ask for less, or for another slurm.partition",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition takes no jobs now",
    "PartitionNodeLimit": "its partition gives fewer nodes than it asks for",
    "PartitionTimeLimit": "its partition gives less time: lower slurm.time",
    "Priority": "other jobs come before it",
    "ReqNodeNotAvail": "the nodes that it asks for are down or reserved",
    "Reservation": "it waits for its reservation",
    "Resources": "it waits for a node to be free",
    "launch failed requeued held": "it could not be started on its node: `scontrol release {number}` tries again",
}
_FAMILIES = {
    "QOS": "a limit of its QOS is reached",
    "Assoc": "a limit of its account is reached",
    "Max": "a limit of its account is reached",
    "Reserved": "its nodes are reserved for maintenance",
}

NO_ANSWER = re.compile(
    r"unable to contact|socket timed out|connect failure|connection (?:refused|reset|timed out)|communication "
    r"(?:connection )?(?:failure|shutdown)|zero bytes were transmitted|temporarily unable|standby|"
    r"transport endpoint|unable to establish|protocol authentication|munge|resource temporarily unavailable|"
    r"controller not responding|backup|dns srv|configuration source|network is unreachable|no route",
    re.IGNORECASE,
)
"""What a command says of a controller that gave no answer, or none yet."""
_BUSY = re.compile(
    r"max ?submit|MaxJobs|submit limit reached|job submission.*full|maximum number of jobs", re.IGNORECASE
)
_REMEDIES = (
    ("partition", "correct slurm.partition in jobs.yaml (`sinfo` lists what there is)"),
    ("generic resource", "correct slurm.gres in jobs.yaml (`sinfo -o %G` lists what there is)"),
    ("gres", "correct slurm.gres in jobs.yaml (`sinfo -o %G` lists what there is)"),
    ("time limit", "lower slurm.time in jobs.yaml (`sinfo -o '%P %l'` lists what there is)"),
    ("memory", "lower slurm.memory in jobs.yaml"),
    ("qos", "correct slurm.qos in jobs.yaml"),
    ("account", "correct slurm.account in jobs.yaml"),
    ("option", "correct slurm.extra in jobs.yaml"),
    ("node configuration", "ask for less under slurm in jobs.yaml, or for another partition"),
)


@dataclass(frozen=True)
class SlurmJob:
    """What Slurm says of a job.

    Args:
        number: its id, as `12`, or `12_3` for a task of an array.
        state: in Slurm's long form, such as `NODE_FAIL`.
        reason: Slurm's word for what it waits for.
    """

    number: str
    state: str
    reason: str = "None"

    @property
    def waits(self) -> bool:
        """Whether it is to begin yet."""
        return self.state in WAITING

    @property
    def is_over(self) -> bool:
        """Whether it stays as it is; a state that only a later Slurm has is taken for one of a job that runs."""
        return self.state in _ENDS

    @property
    def was_taken(self) -> bool:
        """Whether it is no submission that Slurm refused, of which it keeps a job that has failed."""
        return self.state != "FAILED"


def parse_jobs(answer: str) -> Iterator[SlurmJob]:
    """The jobs in lines of number, state and reason; lines of another kind are left out."""
    for line in answer.splitlines():
        number, *rest = line.strip().split("|", 2)
        if _NUMBER.fullmatch(number) and len(rest) == 2:  # noqa: PLR2004 - the columns of the formats above
            state = rest[0].split(" ", 1)[0].rstrip("+")  # sacct says `CANCELLED by 1000`
            yield SlurmJob(number, state, rest[1].strip("()"))


def latest(jobs: Sequence[SlurmJob]) -> SlurmJob | None:
    """Of several of one script, oldest first, the one that counts: one that is not over, or else the last."""
    return next((job for job in jobs if not job.is_over), jobs[-1] if jobs else None)


def waiting_words(job: SlurmJob) -> str:
    """What a job waits for, in a sentence's part."""
    if job.state == "CONFIGURING":
        return f"job {job.number}: its node is being made ready"
    word = job.reason.partition(",")[0]
    known = _REASONS.get(word)
    if known is None:
        known = next((words for beginning, words in _FAMILIES.items() if word.startswith(beginning)), "Slurm gives")
    said = "" if word == "None" else f" ({one_line(job.reason, 100)})"
    return f"job {job.number} waits in Slurm's queue: {known.format(number=job.number)}{said}"


def ended_words(job: SlurmJob, sandbox: object, python: str, *, has_started: bool) -> str:
    """Why a job ended that left no record of its end."""
    if not has_started and job.state in {"COMPLETED", "FAILED"}:
        return (
            f"job {job.number} ended before the session began: its node cannot see {sandbox} (set slurm.folder to one "
            f"that all nodes share), or has no {python} (set slurm.python)"
        )
    known = _ENDS.get(job.state, "ended without a record")
    return f"job {job.number} {known}"


_ENDS = {
    "BOOT_FAIL": "ended as its node did not start",
    "CANCELLED": "was cancelled by `scancel` or an administrator",
    "COMPLETED": "has ended, and the record of that cannot be seen in its sandbox",
    "DEADLINE": "was ended at its deadline",
    "FAILED": "ended without a record: killed, or its process broke down",
    "LAUNCH_FAILED": "could not be started on its node",
    "NODE_FAIL": "ended as its node failed",
    "OUT_OF_MEMORY": "ended as it ran out of memory: raise slurm.memory in jobs.yaml",
    "PREEMPTED": "had to make way for another one (preempted), and did not save a last checkpoint in time",
    "RECONFIG_FAIL": "ended as its node could not be set up",
    "REVOKED": "was taken over by another cluster",
    "TIMEOUT": "was ended by Slurm when its time (slurm.time) was over, and had not ended by itself",
}
"""The states that a job stays in, in words."""


def is_cancelled(job: SlurmJob) -> bool:
    """Whether somebody ended it, and nothing that it did."""
    return job.state in {"CANCELLED", "PREEMPTED", "REVOKED"}


def gave_no_answer(said: str) -> bool:
    """Whether a command ended without an answer of the controller."""
    return NO_ANSWER.search(said) is not None


def is_busy(said: str) -> bool:
    """Whether sbatch took nothing, and may take it later."""
    return _BUSY.search(said) is not None


def refusal(said: str) -> tuple[str, str]:
    """What sbatch refused, and what to do about it."""
    lines = [
        re.sub(r"^sbatch: (?:error: |fatal: )?(?:Batch job submission failed: )?", "", each)
        for each in said.split("\n")
    ]
    problem = one_line("; ".join(dict.fromkeys(each.strip() for each in lines if each.strip())), 300)
    lower = problem.lower()
    remedy = next((words for part, words in _REMEDIES if part in lower), "correct slurm in jobs.yaml")
    return problem or "sbatch took nothing, and does not say why", remedy


def parse_seconds(time: str) -> float | None:
    """Seconds of a time as Slurm writes it, such as `1-12:00:00`; None where it sets no limit."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", time)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
