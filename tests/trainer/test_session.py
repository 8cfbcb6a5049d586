"""A chain of sessions is one uninterrupted training, bit for bit; whatever ends a session, its artifacts say so."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from stable_baselines3 import A2C, PPO

from contract.storage import files, layout
from restore.integrity import inspect_checkpoint
from tests.trainer.conftest import (
    HYPERPARAMETERS,
    JOB,
    ROLLOUT,
    TROUBLED,
    job_values,
    outcome_of,
    record_of,
    state_of,
    tensors_of,
)
from trainer.stopping.deadline import SESSION_LIMIT
from trainer.stopping.interruption import Interruption

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainer.conftest import Ended, Relay

NORMALIZED = {"wrapper": "VecNormalize"}
TRAFFIC = {"id": "trainer.envs:TrafficLight-v0", "vectorization": "native", "kwargs": {"decisions": 10}}
PENDULUM = {"id": "Pendulum-v1", "kwargs": {"max_episode_steps": 10}}
SDE = {**HYPERPARAMETERS, "use_sde": True}
SDE_IN_ROLLOUT = {**SDE, "sde_sample_freq": 4}
SCHEDULES = {**HYPERPARAMETERS, "learning_rate": "linear_0.01", "clip_range": "lin_0.3"}
EVALUATED = {"frequency": 2 * ROLLOUT, "episodes": 2}

JOBS: dict[str, dict[str, Any]] = {
    "PPO": {},
    "A2C": {"algorithm": "A2C"},
    "PPO-4": {"env": {"id": "CartPole-v1", "n_envs": 4}},
    "A2C-4": {"algorithm": "A2C", "env": {"id": "CartPole-v1", "n_envs": 4}},
    "PPO-normalized": {"env": {**PENDULUM, **NORMALIZED}},
    "A2C-normalized": {"algorithm": "A2C", "env": {**PENDULUM, **NORMALIZED}},
    "PPO-4-normalized": {"env": {**PENDULUM, **NORMALIZED, "n_envs": 4}},
    "A2C-4-normalized": {"algorithm": "A2C", "env": {**PENDULUM, **NORMALIZED, "n_envs": 4}},
    "PPO-native": {"env": TRAFFIC},
    "PPO-4-native-normalized": {"env": {**TRAFFIC, **NORMALIZED, "n_envs": 4}},
    "A2C-4-native": {"algorithm": "A2C", "env": {**TRAFFIC, "n_envs": 4}},
    "PPO-gSDE": {"env": PENDULUM, "hyperparameters": SDE},
    "PPO-gSDE-in-rollout": {"env": PENDULUM, "hyperparameters": SDE_IN_ROLLOUT},
    "A2C-4-gSDE-normalized": {
        "algorithm": "A2C",
        "env": {**PENDULUM, **NORMALIZED, "n_envs": 4},
        "hyperparameters": SDE,
    },
    "PPO-schedules": {"hyperparameters": SCHEDULES},
    "A2C-schedules": {"algorithm": "A2C", "hyperparameters": SCHEDULES},
    "PPO-every-generator": {"env": {"id": "Troubled-v0", "n_envs": 2}, "policy": "MultiInputPolicy"},
    "PPO-evaluated": {"eval": EVALUATED},
    "A2C-4-normalized-evaluated": {
        "algorithm": "A2C",
        "env": {**PENDULUM, **NORMALIZED, "n_envs": 4},
        "eval": EVALUATED,
    },
    "PPO-4-native-evaluated": {"env": {**TRAFFIC, "n_envs": 4}, "eval": EVALUATED},
    "PPO-every-generator-evaluated": {"env": {"id": "Troubled-v0"}, "policy": "MultiInputPolicy", "eval": EVALUATED},
}
EVALUATED_JOBS = [name for name in JOBS if name.endswith("-evaluated")]
IN_OTHERS = ("PPO-4", "A2C-4", "A2C-normalized", "PPO-4-normalized", "A2C-4-normalized", "A2C-schedules")
"""Each two of algorithm, number of environments, wrapper, form and evaluation are together in one of the others too."""
CHAINED = [
    pytest.param(name, marks=pytest.mark.long("each two of what is in it are together in other jobs too"))
    if name in IN_OTHERS
    else name
    for name in JOBS
]
GOAL_RAISED = ["PPO", "A2C-4-normalized", "PPO-4-native-normalized", "PPO-gSDE", "PPO-gSDE-in-rollout", "PPO-evaluated"]


def job_for(name: str, rollouts: int) -> dict[str, Any]:
    job = job_values(**JOBS[name])
    return job | {"total_timesteps": rollouts * ROLLOUT * job["env"].get("n_envs", 1)}


def assert_same_training(one: Ended, other: Ended) -> None:
    assert one.code == other.code == 0
    assert outcome_of(one.latest) == outcome_of(other.latest)
    assert one.metadata.resume.exact
    assert one.metadata.mean_reward == other.metadata.mean_reward
    assert one.metadata.episodes == other.metadata.episodes > 0


@pytest.mark.parametrize("name", CHAINED)
def test_three_sessions_are_one_uninterrupted_training(relay: Relay, name: str) -> None:
    job = job_for(name, 5)
    chained = relay.chain(job, 1, 2)
    assert chained.metadata.timesteps_at_start == 3 * job["total_timesteps"] // 5
    assert "timesteps (exact)" in chained.log
    assert_same_training(chained, relay.session(job))


@pytest.mark.parametrize("name", GOAL_RAISED)
def test_a_raised_goal_goes_on_as_if_it_had_always_been_that_high(relay: Relay, name: str) -> None:
    first = relay.session(job_for(name, 2))
    assert first.metadata.goal_met
    assert_same_training(relay.session(job_for(name, 4), first), relay.session(job_for(name, 4)))


def test_a_trial_before_the_training_leaves_no_trace_in_it(relay: Relay) -> None:
    job = job_for("PPO", 2)
    folder = relay.input(job)
    request = files.read_json(folder / layout.REQUEST_FILE)
    files.write_json(folder / layout.REQUEST_FILE, request | {"untried": "there is no simulator here"})
    assert_same_training(relay.run(folder), relay.session(job))


@pytest.mark.slow
def test_worker_processes_go_on_exactly_too(relay: Relay) -> None:
    env = {"id": TROUBLED, "n_envs": 2, "vectorization": "subproc", **NORMALIZED, "wrapper_kwargs": {"norm_obs": False}}
    job = job_values(env=env, policy="MultiInputPolicy", total_timesteps=4 * ROLLOUT)
    assert_same_training(relay.chain(job, 1), relay.session(job))


@pytest.mark.parametrize("name", EVALUATED_JOBS)
def test_evaluation_leaves_no_trace_in_the_weights(relay: Relay, name: str) -> None:
    measured, unmeasured = (relay.session(job_for(name, 3) | {"eval": each}) for each in (EVALUATED, {}))
    assert measured.events("evaluation")
    assert tensors_of(measured.latest) == tensors_of(unmeasured.latest)
    ours, theirs = outcome_of(measured.latest), outcome_of(unmeasured.latest)
    assert {key for key in ours if ours[key] != theirs[key]} == {"best_mean_reward", "milestones"}


@pytest.mark.parametrize(("algorithm", "loaded_by"), [("PPO", PPO), ("A2C", A2C)])
def test_each_level_opens_in_stable_baselines(relay: Relay, algorithm: str, loaded_by: type[PPO | A2C]) -> None:
    job = job_values(algorithm=algorithm, env=PENDULUM, hyperparameters=SCHEDULES, eval={"frequency": 5 * ROLLOUT})
    ended = relay.session(job)
    observations = np.array([[0.1, -0.2, 0.3], [0.9, 0.1, -4.0], [-1.0, 0.0, 8.0]], np.float32)
    levels = (ended.latest, ended.artifacts.best_model, ended.artifacts.final_model)
    predicted = []
    for path in levels:
        model = loaded_by.load(path, device="cpu")
        assert model.num_timesteps == 5 * ROLLOUT
        predicted.append([model.predict(each, deterministic=True)[0].item() for each in observations])
    assert predicted[0] == predicted[1] == predicted[2]
    assert len(set(predicted[0])) == 3
    assert [record_of(path).kind for path in levels] == ["checkpoint", "best", "final"]


def test_the_checkpoint_at_the_goal_is_the_final_model(relay: Relay) -> None:
    ended = relay.session(job_values())
    assert tensors_of(ended.latest) == tensors_of(ended.artifacts.final_model)
    assert sorted(path.name for path in ended.artifacts.root.iterdir()) == [
        f"{JOB}_final.zip",
        "checkpoints",
        "manifest.json",
        "training_metadata.json",
        "training_metrics.jsonl",
    ]


def test_a_session_that_is_stopped_has_a_checkpoint_and_no_final_model(relay: Relay) -> None:
    ended = relay.session(job_values(), stop_after=2)
    assert ended.code == 143
    assert ended.steps == [2 * ROLLOUT]
    assert not ended.artifacts.final_model.exists()
    metadata = ended.metadata
    assert (metadata.timesteps_at_start, metadata.timesteps) == (0, 2 * ROLLOUT)
    assert (metadata.goal_met, metadata.interrupted_by, metadata.error) == (False, "SIGTERM", None)
    assert ended.manifest.complete
    assert ended.events("ended") == [
        {
            "timesteps": 2 * ROLLOUT,
            "goal": 5 * ROLLOUT,
            "goal_met": False,
            "interrupted_by": "SIGTERM",
            "error": None,
        }
    ]


def test_a_session_that_meets_its_goal_says_so(relay: Relay) -> None:
    ended = relay.session(job_values(total_timesteps=5 * ROLLOUT - 1))
    metadata = ended.metadata
    assert (metadata.timesteps, metadata.goal_met, metadata.interrupted_by, metadata.error) == (80, True, None, None)
    record = record_of(ended.latest)
    assert (record.timesteps, record.goal, record.kind) == (80, 79, "checkpoint")
    assert (record.job, record.session, record.key) == (JOB, "0001", ended.manifest.key)


def test_the_session_limit_stops_it_in_good_order(relay: Relay) -> None:
    ended = relay.session(job_values(session_limit=0.5, total_timesteps=10**6, save_freq=10**6))
    assert ended.code == 0
    assert ended.metadata.interrupted_by == "session limit"
    assert ended.steps == [ROLLOUT]
    assert ended.manifest.complete


def test_a_stop_file_stops_it_in_good_order(relay: Relay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    monkeypatch.setenv("RELAY_STOP_FILE", str(stop))
    assert relay.session(job_values()).metadata.goal_met
    stop.touch()
    ended = relay.session(job_values())
    assert (ended.code, ended.metadata.interrupted_by, ended.steps) == (143, "stop file", [])
    assert ended.manifest.complete


def test_the_best_model_of_an_earlier_session_is_handed_on(relay: Relay) -> None:
    first = relay.session(job_values(total_timesteps=ROLLOUT, eval=EVALUATED))
    best = files.sha256_of_file(first.artifacts.best_model)
    second = relay.session(job_values(total_timesteps=2 * ROLLOUT), first)
    assert files.sha256_of_file(second.artifacts.best_model) == best
    assert second.manifest.files[layout.BEST_MODEL].sha256 == best
    assert second.metadata.best_mean_reward == first.metadata.best_mean_reward is not None


# What goes wrong is said, and costs no checkpoint.


def test_an_environment_that_raises_costs_no_checkpoint(relay: Relay) -> None:
    env = {"id": "Troubled-v0", "kwargs": {"fails_at": 60}}
    job = job_values(env=env, policy="MultiInputPolicy", total_timesteps=6 * ROLLOUT, save_freq=ROLLOUT)
    failed = relay.session(job)
    assert failed.code == 1
    assert failed.metadata.interrupted_by == "RuntimeError"
    assert failed.metadata.error == failed.events("ended")[0]["error"] == "RuntimeError: the road is closed"
    assert "Traceback" in failed.log
    assert failed.steps == [2 * ROLLOUT, 3 * ROLLOUT]
    assert failed.metadata.timesteps == 3 * ROLLOUT
    assert failed.manifest.complete
    inspect_checkpoint(failed.latest, job=JOB, expected=None, max_bytes=1 << 20)
    repaired = relay.session(job | {"env": {"id": "Troubled-v0"}}, failed)
    assert (repaired.code, repaired.metadata.timesteps_at_start) == (0, 3 * ROLLOUT)


@pytest.mark.slow
def test_a_worker_process_that_dies_is_named(relay: Relay) -> None:
    env = {"id": TROUBLED, "vectorization": "subproc", "kwargs": {"fails_at": 20}}
    failed = relay.session(job_values(env=env, policy="MultiInputPolicy", save_freq=ROLLOUT))
    assert (failed.code, failed.steps) == (1, [ROLLOUT])
    assert failed.metadata.error is not None
    assert failed.metadata.error.startswith(f"environment {TROUBLED}: a worker process has died")


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("lock", "Troubled cannot be pickled and has no get_state/set_state (cannot pickle '_thread.lock' object)"),
        ("rebuilt", "Rebuilt is rebuilt from its arguments, its state forgotten"),
    ],
)
def test_an_environment_without_state_makes_the_run_approximate(relay: Relay, part: str, why: str) -> None:
    job = job_values(env={"id": "Troubled-v0", "kwargs": {"part": part}}, policy="MultiInputPolicy")
    first = relay.session(job, stop_after=2)
    for verdict in (first.metadata.resume, record_of(first.latest).resume):
        assert not verdict.exact
        assert why in verdict.reasons[0]
    assert "Resume will be approximate: Troubled cannot be pickled" in first.log
    second = relay.session(job, first)
    assert second.code == 0
    assert second.metadata.timesteps_at_start == 2 * ROLLOUT
    assert not second.metadata.resume.exact
    assert "[CHECKPOINT] Resumed at 32 timesteps (approximate: Troubled cannot be pickled" in second.log


@pytest.mark.slow
def test_a_worker_without_state_makes_the_run_approximate(relay: Relay) -> None:
    env = {"id": TROUBLED, "vectorization": "subproc", "kwargs": {"part": "lock"}}
    ended = relay.session(job_values(env=env, policy="MultiInputPolicy", total_timesteps=ROLLOUT))
    assert ended.code == 0
    assert "cannot pickle '_thread.lock' object" in ended.metadata.resume.reasons[0]


def changed_parent(relay: Relay, parent: Ended, **changes: Any) -> Path:
    folder = relay.input_after(job_values(), parent)
    request = files.read_json(folder / layout.REQUEST_FILE)
    request["parent"] |= changes
    files.write_json(folder / layout.REQUEST_FILE, request)
    return folder


def assert_refused(ended: Ended, problem: str, reason: str = "CheckpointError") -> None:
    """It did not begin at zero instead."""
    assert ended.code == 1
    assert problem in (ended.metadata.error or "")
    assert ended.metadata.interrupted_by == reason
    assert ended.steps == []
    assert not ended.events("progress")
    assert not ended.artifacts.final_model.exists()


def test_a_parent_that_is_not_the_one_asked_for_is_refused(relay: Relay) -> None:
    parent = relay.session(job_values(), stop_after=2)
    assert_refused(relay.run(changed_parent(relay, parent, sha256="0" * 64)), "is not the parent that was asked for")
    assert_refused(relay.run(changed_parent(relay, parent, timesteps=16)), "stands at 32 timesteps, expected 16")
    folder = changed_parent(relay, parent)
    (folder / layout.PARENT_CHECKPOINT).unlink()
    assert_refused(relay.run(folder), "cannot be read")


def test_a_parent_that_holds_nothing_to_go_on_from_is_refused(relay: Relay) -> None:
    folder = relay.input(job_values(), relay.session(job_values(), stop_after=2).latest)
    bundle = folder / layout.PARENT_CHECKPOINT
    bundle.write_bytes(bundle.read_bytes()[:-100])
    request = files.read_json(folder / layout.REQUEST_FILE)
    request["parent"]["sha256"] = files.sha256_of_file(bundle)
    files.write_json(folder / layout.REQUEST_FILE, request)
    assert_refused(relay.run(folder), "cannot be resumed from")


@pytest.mark.parametrize(
    "changes",
    [
        {"hyperparameters": {**HYPERPARAMETERS, "policy_kwargs": {"net_arch": [9]}}},
        {"hyperparameters": {**HYPERPARAMETERS, "policy_kwargs": {"net_arch": [8, 8]}}},
        {"env": {"id": "Acrobot-v1"}},
        {"algorithm": "A2C"},
        {"policy": "MultiInputPolicy", "env": {"id": "Troubled-v0"}},
    ],
)
def test_a_parent_of_another_architecture_is_refused(relay: Relay, changes: dict[str, Any]) -> None:
    parent = relay.session(job_values(), stop_after=2)
    assert_refused(relay.session(job_values(**changes), parent), "does not fit the job's", "SessionError")


def test_a_goal_that_the_parent_has_met_is_refused(relay: Relay) -> None:
    parent = relay.session(job_values(), stop_after=2)
    ended = relay.session(job_values(total_timesteps=2 * ROLLOUT), parent)
    assert_refused(ended, "stands at 32 timesteps, and the goal of 32 is met", "SessionError")


# Changes are recorded.


def test_a_changed_hyperparameter_is_recorded(relay: Relay) -> None:
    parent = relay.session(job_values(), stop_after=2)
    changed = job_values(hyperparameters={**HYPERPARAMETERS, "gamma": 0.5})
    ended = relay.session(changed, parent)
    assert ended.code == 0
    change = "hyperparameters.gamma changed from (unset) to 0.5 at 32 timesteps"
    assert ended.metadata.resume.reasons == record_of(ended.latest).resume.reasons == (change,)
    assert f"[CHECKPOINT] Resumed at 32 timesteps (approximate: {change})" in ended.log
    assert tensors_of(ended.latest) != tensors_of(relay.session(job_values(), parent).latest)
    third = relay.session(changed | {"total_timesteps": 6 * ROLLOUT}, ended)
    assert third.metadata.resume.reasons == (change,)


@pytest.mark.parametrize(
    ("env", "change"),
    [
        ({"n_envs": 4}, "env.n_envs changed from (unset) to 4"),
        ({"kwargs": {"max_episode_steps": 5}}, "env.kwargs.max_episode_steps changed from 10 to 5"),
    ],
)
def test_changed_environments_begin_their_episodes_anew(relay: Relay, env: dict[str, Any], change: str) -> None:
    job = job_values(env={**PENDULUM, **NORMALIZED}, total_timesteps=10 * ROLLOUT)
    parent = relay.session(job, stop_after=4)
    ended = relay.session(job | {"env": {**job["env"], **env}}, parent, stop_after=1)
    assert ended.metadata.interrupted_by == "SIGTERM"
    assert change.replace("(unset)", "1") + " at 64 timesteps" in ended.metadata.resume.reasons
    assert "the environments changed: their episodes start anew" in ended.metadata.resume.reasons
    taken = ROLLOUT * env.get("n_envs", 1)
    assert ended.metadata.timesteps == 64 + taken
    before, after = (observations_seen(each) for each in (parent, ended))
    assert after == pytest.approx(before + taken)


def observations_seen(ended: Ended) -> float:
    """How many observations the running statistics have seen."""
    return float(state_of(ended.latest).statistics[0]["obs_rms"].count)


# A full disk.


def fill_disk_at(monkeypatch: pytest.MonkeyPatch, fragment: str, number: int) -> None:
    """Let the disk be full from the write number `number` of a file whose name holds `fragment`."""
    write, seen = files.write_bytes, 0

    def full(target: Path, content: bytes) -> None:
        nonlocal seen
        seen += fragment in target.name
        if seen >= number:
            with files.replacing(target) as temporary:
                temporary.write_bytes(content[: len(content) // 2])
                raise OSError(errno.ENOSPC, "No space left on device", str(target))
        write(target, content)

    monkeypatch.setattr(files, "write_bytes", full)


@pytest.mark.parametrize(("fragment", "left"), [("_steps", [16, 32]), ("_final", [48, 64]), ("_80_", [48, 64])])
def test_a_full_disk_costs_no_checkpoint(
    relay: Relay, monkeypatch: pytest.MonkeyPatch, fragment: str, left: list[int]
) -> None:
    job = job_values(save_freq=ROLLOUT)
    with monkeypatch.context() as patch:
        fill_disk_at(patch, fragment, 3 if fragment == "_steps" else 1)
        failed = relay.session(job)
    assert failed.code == 1
    assert "the disk is full; the last good checkpoint is intact; free some space and resume" in failed.log
    assert failed.events("ended")[0]["interrupted_by"] == "SessionError"
    assert failed.steps == left
    assert not failed.manifest.complete
    assert not list(failed.artifacts.root.rglob(f"{files.TEMPORARY_PREFIX}*"))
    for path in failed.artifacts.checkpoints_by_timesteps().values():
        inspect_checkpoint(path, job=JOB, expected=None, max_bytes=1 << 20)
    assert_same_training(relay.session(job, failed), relay.session(job))


def test_an_error_of_the_last_write_stands_in_the_metadata(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    write = files.write_bytes

    def refuse_final(target: Path, content: bytes) -> None:
        if target.name.endswith("_final.zip"):
            raise OSError(errno.EIO, "Input/output error", str(target))
        write(target, content)

    monkeypatch.setattr(files, "write_bytes", refuse_final)
    failed = relay.session(job_values(save_freq=ROLLOUT))
    assert failed.code == 1
    assert failed.metadata.interrupted_by == "SessionError"
    assert "balance_final.zip: cannot be written: Input/output error" in (failed.metadata.error or "")
    assert failed.steps == [3 * ROLLOUT, 4 * ROLLOUT]


def test_an_evaluation_that_no_longer_fits_begins_the_next_session(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_values(eval={"frequency": ROLLOUT})
    whole = relay.session(job)
    # In time for the first evaluation and the next rollout, and out of time for the second evaluation.
    answers = iter([False, False, True])
    with monkeypatch.context() as clock:
        clock.setattr(Interruption, "is_out_of_time", lambda *_durations: next(answers))
        first = relay.session(job)
    assert (first.metadata.interrupted_by, first.metadata.timesteps) == (SESSION_LIMIT, 2 * ROLLOUT)
    assert [event["timesteps"] for event in first.events("evaluation")] == [ROLLOUT]
    second = relay.session(job, first)
    assert second.events("evaluation")[0]["timesteps"] == 2 * ROLLOUT
    assert outcome_of(second.latest) == outcome_of(whole.latest)
