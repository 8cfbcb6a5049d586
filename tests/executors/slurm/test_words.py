"""What Slurm says, as values and in words."""

from __future__ import annotations

import pytest

from executors.slurm.words import (
    WAITING,
    SlurmJob,
    ended_words,
    gave_no_answer,
    is_busy,
    is_cancelled,
    parse_jobs,
    parse_seconds,
    refusal,
    waiting_words,
)

SANDBOX = "/scratch/one"


def test_answers_of_squeue_and_sacct_are_jobs_and_other_lines_are_none() -> None:
    said = (
        "12|PENDING|Priority\n13|CANCELLED by 1000|None\nSlurm accounting storage is disabled\n\nJOBID|STATE|REASON\n"
    )
    assert list(parse_jobs(said)) == [SlurmJob("12", "PENDING", "Priority"), SlurmJob("13", "CANCELLED", "None")]
    assert list(parse_jobs("14|PENDING|(ReqNodeNotAvail, UnavailableNodes:n1)")) == [
        SlurmJob("14", "PENDING", "ReqNodeNotAvail, UnavailableNodes:n1")
    ]


def test_each_task_of_an_array_is_a_job_and_a_range_of_them_is_none() -> None:
    said = "15_2|RUNNING|None\n15_[0-1]|PENDING|Resources\n15_0.batch|COMPLETED|None\n"
    assert list(parse_jobs(said)) == [SlurmJob("15_2", "RUNNING")]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("None", "it was submitted a moment ago"),
        ("Priority", "other jobs come before it (Priority)"),
        ("Resources", "it waits for a node to be free (Resources)"),
        ("JobHeldUser", "it is held: `scontrol release 7` lets it go (JobHeldUser)"),
        ("QOSMaxCpuPerUserLimit", "a limit of its QOS is reached (QOSMaxCpuPerUserLimit)"),
        ("AssocGrpGRES", "a limit of its account is reached (AssocGrpGRES)"),
        ("PartitionTimeLimit", "its partition gives less time: lower slurm.time (PartitionTimeLimit)"),
        (
            "ReqNodeNotAvail, UnavailableNodes:n1",
            "the nodes that it asks for are down or reserved (ReqNodeNotAvail, UnavailableNodes:n1)",
        ),
        ("Moonphase", "Slurm gives (Moonphase)"),
    ],
)
def test_what_a_job_waits_for_is_said_in_words(reason: str, words: str) -> None:
    assert waiting_words(SlurmJob("7", "PENDING", reason)) == f"job 7 waits in Slurm's queue: {words}"


def test_a_node_that_is_made_ready_is_told() -> None:
    assert waiting_words(SlurmJob("7", "CONFIGURING")) == "job 7: its node is being made ready"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("TIMEOUT", "was ended by Slurm when its time (slurm.time) was over, and had not ended by itself"),
        ("PREEMPTED", "had to make way for another one (preempted), and did not save a last checkpoint in time"),
        ("NODE_FAIL", "ended as its node failed"),
        ("OUT_OF_MEMORY", "ended as it ran out of memory: raise slurm.memory in jobs.yaml"),
        ("CANCELLED", "was cancelled by `scancel` or an administrator"),
        ("FAILED", "ended without a record: killed, or its process broke down"),
    ],
)
def test_each_end_is_a_sentence(state: str, words: str) -> None:
    job = SlurmJob("7", state)
    assert job.is_over
    assert not job.waits
    assert ended_words(job, SANDBOX, "python", has_started=True) == f"job 7 {words}"


def test_a_job_that_ended_before_its_session_began_names_the_keys_that_may_be_wrong() -> None:
    said = ended_words(SlurmJob("7", "FAILED"), SANDBOX, "/opt/python", has_started=False)
    assert "its node cannot see /scratch/one (set slurm.folder" in said
    assert "has no /opt/python (set slurm.python)" in said
    assert (
        ended_words(SlurmJob("7", "NODE_FAIL"), SANDBOX, "python", has_started=False)
        == "job 7 ended as its node failed"
    )


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETING", "SUSPENDED", "A_STATE_OF_LATER_VERSIONS"])
def test_what_neither_waits_nor_is_over_runs(state: str) -> None:
    job = SlurmJob("7", state)
    assert not job.waits
    assert not job.is_over


def test_only_what_somebody_did_to_it_is_a_cancellation() -> None:
    cancelled = {
        state
        for state in ("CANCELLED", "PREEMPTED", "TIMEOUT", "FAILED", *WAITING)
        if is_cancelled(SlurmJob("7", state))
    }
    assert cancelled == {"CANCELLED", "PREEMPTED"}


@pytest.mark.parametrize(
    "said",
    [
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "slurm_load_jobs error: Socket timed out on send/recv operation",
        "sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
        "sbatch: error: Munge encode failed: Failed to access /run/munge/munge.socket.2",
    ],
)
def test_a_controller_that_gave_no_answer_is_told_from_a_refusal(said: str) -> None:
    assert gave_no_answer(said)


@pytest.mark.parametrize(
    ("said", "problem", "remedy"),
    [
        (
            "sbatch: error: invalid partition specified: moon\nsbatch: error: Batch job submission failed: Invalid",
            "invalid partition specified: moon; Invalid",
            "correct slurm.partition in jobs.yaml (`sinfo` lists what there is)",
        ),
        (
            "sbatch: error: Invalid generic resource (gres) specification",
            "Invalid generic resource (gres) specification",
            "correct slurm.gres in jobs.yaml (`sinfo -o %G` lists what there is)",
        ),
        (
            "sbatch: error: Batch job submission failed: Requested time limit is invalid",
            "Requested time limit is invalid",
            "lower slurm.time in jobs.yaml (`sinfo -o '%P %l'` lists what there is)",
        ),
        ("", "sbatch took nothing, and does not say why", "correct slurm in jobs.yaml"),
    ],
)
def test_a_refusal_names_the_key_to_correct(said: str, problem: str, remedy: str) -> None:
    assert refusal(said) == (problem, remedy)
    assert not gave_no_answer(said)
    assert not is_busy(said)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1-00:00:00", 86_400.0),
        ("2-03:04:05", 183_845.0),
        ("12:00:00", 43_200.0),
        ("30:00", 1_800.0),
        ("0:30", 30.0),
        ("infinite", None),
        ("n/a", None),
    ],
)
def test_a_time_of_slurms_is_seconds(said: str, seconds: float | None) -> None:
    assert parse_seconds(said) == seconds


def test_a_limit_on_submissions_is_no_refusal_for_good() -> None:
    said = "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates policy"
    assert is_busy(said)
    assert not gave_no_answer(said)
