"""The command line of a session."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from contract.events import parse_event
from contract.storage import layout
from tests.trainer.conftest import ROLLOUT, ROOT, job_values, record_of
from trainer import __main__

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainer.conftest import Relay


def trainer(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def said_last(output: str, name: str) -> dict[str, Any]:
    """The values of the last event, which has this name."""
    events = [event for line in output.splitlines() if (event := parse_event(line)) is not None]
    assert events[-1].name == name, output
    return events[-1].values


def test_a_usage_error_is_told_at_once() -> None:
    answer = trainer("--input", "nowhere")
    assert answer.returncode == 2
    assert "--output is missing: name the folder for the artifacts" in answer.stderr


def test_an_input_that_is_none_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    answer = trainer("--input", tmp_path, "--output", tmp_path / "artifacts")
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"{tmp_path}: is not a session's input: ")
    assert answer.stderr.endswith("; run the same command again\n")
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.slow
def test_a_process_tries_a_job_without_training_it(relay: Relay) -> None:
    job = job_values(env={"id": "Pendulum-v1"}, hyperparameters={"use_sde": True, "policy_kwargs": {"net_arch": [4]}})
    answer = trainer("--try", "--input", relay.input(job))
    assert (answer.returncode, answer.stderr) == (0, "")
    described = said_last(answer.stdout, "tried")
    assert described["action_space"] == {"kind": "Box", "text": "Box(-2.0, 2.0, (1,), float32)", "shape": [1]}
    assert described["parameters"]["log_std"] == [4, 1]


def test_a_description_is_what_the_checkpoints_say(relay: Relay, capsys: pytest.CaptureFixture[str]) -> None:
    job = job_values(env={"id": "CartPole-v1", "n_envs": 2, "wrapper": "VecNormalize"}, total_timesteps=ROLLOUT)
    folder = relay.input(job)
    assert __main__.main(["--try", "--input", str(folder)]) == 0
    described = said_last(capsys.readouterr().out, "tried")
    record = record_of(relay.run(folder).latest).model_dump(mode="json")
    compared = ("observation_space", "action_space", "parameters")
    assert {name: described[name] for name in compared} == {name: record[name] for name in compared}


def test_what_the_user_wrote_wrong_ends_with_code_2(relay: Relay, capsys: pytest.CaptureFixture[str]) -> None:
    folder = relay.input(job_values(env={"id": "Nowhere-v0"}))
    assert __main__.main(["--try", "--input", str(folder)]) == 2
    refused = said_last(capsys.readouterr().out, "refused")
    assert refused["subject"] == "environment Nowhere-v0"
    assert refused["problem"].startswith("is not known: ")


def test_the_environment_and_output_folder_of_a_session_are_those_given(relay: Relay, tmp_path: Path) -> None:
    folder, output = relay.input(job_values(total_timesteps=ROLLOUT)), tmp_path / "far" / "away"
    assert __main__.main(["--input", str(folder), "--output", str(output)]) == 0
    assert (output / layout.MANIFEST_FILE).exists()
