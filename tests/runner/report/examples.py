"""Trainings as reports tell of them, made up: whatever sessions may come to is in them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import numpy as np

from runner.curve.measurements import Curve, Measurement, Stretch
from runner.report.values import (
    EVALUATED_RETURN,
    THROUGHPUT,
    TRAINING_RETURN,
    Baseline,
    Change,
    CheckpointRow,
    End,
    JobReport,
    SessionRow,
    Setting,
    Versions,
)

WRITTEN_AT = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)
BEGAN = 1_790_000_000.0
OF_A_SESSION = 20_000
_LOSSES = ("entropy_loss", "policy_gradient_loss", "value_loss", "approx_kl", "clip_fraction", "explained_variance")
_ENDS = (
    (End.CUT, "cut by its limit", ""),
    (End.CUT, "cut by its limit", ""),
    (End.CUT, "cut off (SIGTERM)", "the session was preempted"),
    (End.FAILED, "crashed (RuntimeError)", "CUDA error: unspecified launch failure"),
    (End.CUT, "cut by the quota", "Kaggle: the weekly GPU quota is used up"),
)


def curve(job: str = "walk", sessions: int = 3, seed: int = 0, rounds: int = 20) -> Curve:
    """What a training measured that gets better with each session: `rounds` rollouts of each, and two evaluations.

    A session has 20,000 timesteps; the last but one was redone, so that number `sessions` is not among the stretches.
    """
    generator = np.random.default_rng(seed)
    whole = OF_A_SESSION * sessions
    measured: list[Measurement] = []
    stretches = []
    for index in range(sessions):
        number = index + 1 if index < sessions - 1 else sessions + 1
        begins, started_at = index * OF_A_SESSION, BEGAN + index * 31_500
        stretches.append(
            Stretch(number, begins, begins + OF_A_SESSION, started_at, started_at + 31_500, _ENDS[index % 5][1])
        )
        for rollout in range(rounds):
            timesteps = begins + (rollout + 1) * OF_A_SESSION // rounds
            level = _level(timesteps / whole) + float(generator.normal(0, 900))
            values = {
                TRAINING_RETURN: level - 2_500,
                THROUGHPUT: float(generator.normal(950 + 30 * (index % 4), 12)),
                **{f"train/{name}": float(generator.normal(0.02, 0.004)) for name in _LOSSES},
            }
            if (rollout + 1) % max(1, rounds // 2) == 0:
                values[EVALUATED_RETURN] = level + float(generator.normal(0, 300))
            at = started_at + rollout
            measured += [Measurement(timesteps, key, value, number, at) for key, value in sorted(values.items())]
    return Curve(job, 1, tuple(measured), tuple(stretches))


def _level(share: float) -> float:
    return float(-22_000 - 70_000 * np.exp(-5 * share))


def rows(sessions: int = 3) -> tuple[SessionRow, ...]:
    """Its sessions: each cut off or failed but the last, of which a first attempt was given up, and one refusal."""
    found = []
    for index in range(sessions):
        begins = index * OF_A_SESSION
        end, words, reason = _ENDS[index % 5]
        found.append(session(index + 1, begins, index or None, end=end, words=words, reason=reason))
    last = found[-1]
    met: dict[str, Any] = {"end": End.MET, "words": "goal met", "reason": ""}
    given_up = last._replace(
        end=End.FAILED, words="diverged", reason="the loss is not finite", kept_to=None, reached=last.begins + 8_000
    )
    refused = ("walk_checkpoint_32000_steps.zip: its policy.pth has another digest than its record",)
    found[-1] = given_up._replace(refused=refused)
    found.append(last._replace(number=sessions + 1, goal=sessions * OF_A_SESSION, **met))
    return tuple(found)


def session(number: int, begins: int, parent: int | None, **changes: Any) -> SessionRow:
    """A session of 20,000 timesteps on a GPU of Kaggle's."""
    ends = begins + OF_A_SESSION
    row = SessionRow(
        number=number,
        profile="full",
        parent=parent,
        begins=begins,
        reached=ends,
        kept_to=ends,
        goal=600_000,
        backend="kaggle",
        end=End.CUT,
        words="cut by its limit",
        started_at="2026-11-20T08:00:00+00:00",
        hours=8.75,
        machine="NvidiaTeslaT4",
        has_gpu=True,
        steps_per_second=963.0,
        resume="exact",
    )
    return row._replace(**changes)


def report(job: str = "walk", sessions: int = 3, seed: int = 0, rounds: int = 20, **changes: Any) -> JobReport:
    """The report of such a training."""
    made = rows(sessions)
    whole = JobReport(
        job=job,
        lineage=1,
        group="walks",
        environment="trainer.envs:TrafficLight-v0",
        algorithm="PPO",
        seed=seed,
        kind="walk",
        goal=sessions * OF_A_SESSION,
        curve=curve(job, sessions, seed, rounds),
        sessions=tuple(each._replace(goal=sessions * OF_A_SESSION) for each in made),
        checkpoints=tuple(_checkpoints(job, made)),
        changes=(
            Change(2, OF_A_SESSION, "hyperparameters.learning_rate changed from 0.001 to 0.0003"),
            Change(3, 2 * OF_A_SESSION, "its sources changed (lab/world.py)"),
        ),
        settings=(
            Setting("env.id", "trainer.envs:TrafficLight-v0"),
            Setting("env.n_envs", "10"),
            Setting("algorithm", "PPO"),
            Setting("policy", "MlpPolicy"),
            Setting("hyperparameters.n_steps", "10"),
            Setting("hyperparameters.batch_size", "50"),
            Setting("hyperparameters.learning_rate", "0.0003"),
            Setting("hyperparameters.gamma", "0.95"),
            Setting("total_timesteps", f"{sessions * OF_A_SESSION:,}"),
            Setting("seed", f"{seed}"),
            Setting("eval.frequency", "10,000"),
            Setting("eval.episodes", "5"),
            Setting("session_limit", "31500.0"),
        ),
        versions=(
            Versions(1, 1, (("python", "3.12.11"), ("stable-baselines3", "2.8.0"), ("torch", "2.10.0+cu128"))),
            Versions(
                2, sessions + 1, (("python", "3.12.11"), ("stable-baselines3", "2.9.2"), ("torch", "2.10.0+cu128"))
            ),
        ),
        baselines=(Baseline("fixed time (Webster)", -31_550.0), Baseline("max-pressure", -26_942.0)),
    )
    return dataclasses.replace(whole, **changes)


def _checkpoints(job: str, sessions: tuple[SessionRow, ...]) -> list[CheckpointRow]:
    return [
        CheckpointRow(
            session=each.number,
            kind="latest",
            timesteps=each.reached or 0,
            bytes=371_366,
            sha256=f"{each.number:064x}",
            file=f"{each.number:04d}/artifacts/checkpoints/{job}_checkpoint_{each.reached}_steps.zip",
            mean_reward=_level((each.reached or 0) / (OF_A_SESSION * len(sessions))) - 2_500,
            best_mean_reward=None,
            is_there=each.number != 1,
        )
        for each in reversed(sessions)
    ]
