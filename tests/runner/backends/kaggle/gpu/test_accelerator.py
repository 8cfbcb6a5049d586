"""Whether a session asks for a GPU: decided by its network, and kept for as long as the run lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import FileEntry, Package
from runner.backends.base import Known
from runner.backends.kaggle.gpu.accelerator import LARGEST_FOR_A_CPU, Choice, choose, settle
from runner.backends.registry import backend_entry, sections
from runner.jobs.file import load_jobs
from runner.stages.session_script import ACCELERATOR_FILE
from tests.project import ROOT
from tests.runner.conftest import INPUTS, job_json

if TYPE_CHECKING:
    from collections.abc import Mapping

T4 = "NvidiaTeslaT4"
SMALL = {"mlp_extractor.policy_net.0.weight": (64, 4), "action_net.weight": (2, 64)}
LARGE = {"mlp_extractor.policy_net.0.weight": (2048, 2048)}
WITH_CONVOLUTIONS = {**SMALL, "features_extractor.cnn.0.weight": (32, 4, 8, 8)}


def chosen(
    parameters: Mapping[str, tuple[int, ...]] | None = None, earlier: Package | None = None, **job: Any
) -> Choice:
    """What a session of job `cart` asks for."""
    return choose(job_json(**job), parameters, earlier)


def packaged(*, with_gpu: bool = False, **job: Any) -> Package:
    """A session of the same job that was submitted before."""
    listed = {ACCELERATOR_FILE: FileEntry(bytes=1, sha256="a" * 64)} if with_gpu else {}
    return Package(key="b" * 64, job=job_json(backend="kaggle", **job), inputs=INPUTS, files=listed)


def test_a_small_network_needs_none() -> None:
    accelerator, why = chosen(SMALL)
    assert accelerator == "none"
    assert why == "its network of 384 parameters, trained on 32 samples at a time, trains as fast on a CPU"


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_the_shipped_job_needs_none(device: str) -> None:
    (shipped,) = load_jobs(ROOT / "jobs.yaml", sections()).values()
    assert not isinstance(shipped, Exception)
    for job in shipped.as_json().values():
        settled = backend_entry("kaggle").settle({**job, "device": device}, Known(None))
        assert settled.job["kaggle"]["accelerator"] == "none"
        assert settled.said is not None
        assert settled.said.endswith("; spends no GPU quota")


@pytest.mark.parametrize(
    ("job", "why"),
    [
        ({"policy": "CnnPolicy"}, "its policy reads images (CnnPolicy)"),
        (
            {"algorithm": "RecurrentPPO", "policy": "CnnLstmPolicy", "hyperparameters": {}},
            "its policy reads images (CnnLstmPolicy)",
        ),
        (
            {"hyperparameters": {"policy_kwargs": {"features_extractor_class": "NatureCNN"}}},
            "it reads images by NatureCNN",
        ),
        ({"policy": "lab.nets:Mine"}, "how large its own network is could not be looked at before"),
        ({"device": "cuda"}, "its `device` is cuda"),
        ({"kaggle": {"accelerator": "NvidiaTeslaT4"}}, "jobs.yaml says so"),
    ],
)
def test_images_what_is_not_known_and_what_is_asked_for_take_a_gpu(job: dict[str, Any], why: str) -> None:
    assert chosen(**job) == (T4, why)


def test_what_the_trial_has_measured_decides_where_the_job_does_not_say_it() -> None:
    for policy in ("MultiInputPolicy", "lab.nets:Mine"):
        assert chosen(policy=policy).accelerator == T4
        assert chosen(SMALL, policy=policy).accelerator == "none"
        assert chosen(WITH_CONVOLUTIONS, policy=policy) == (T4, "there are convolutions in its network")
    assert chosen(LARGE, hyperparameters={}).accelerator == T4
    assert chosen(hyperparameters={"policy_kwargs": {"net_arch": [2048, 2048]}}).accelerator == T4
    assert chosen(hyperparameters={"policy_kwargs": {"net_arch": {"pi": [64], "vf": [64, 64]}}}).accelerator == "none"


def test_a_larger_batch_is_worth_a_gpu_sooner_and_what_is_never_trained_counts_for_nothing() -> None:
    shapes = {"q_net.0.weight": (LARGEST_FOR_A_CPU // 1000,), "q_net_target.0.weight": (LARGEST_FOR_A_CPU,)}
    of_a_thousand, of_more = ({"n_steps": 1000, "batch_size": size} for size in (1000, 1001))
    assert chosen(shapes, hyperparameters=of_a_thousand).accelerator == "none"
    assert chosen(shapes, hyperparameters=of_more).accelerator == T4


def test_no_algorithm_without_gradients_needs_one() -> None:
    found = chosen(LARGE, algorithm="ARS", policy="MlpPolicy", hyperparameters={})
    assert found == ("none", "ARS takes no gradient steps")


@pytest.mark.parametrize("with_gpu", [True, False])
def test_a_run_keeps_what_it_began_with_until_the_user_says_otherwise(*, with_gpu: bool) -> None:
    before, now = packaged(with_gpu=with_gpu), SMALL if with_gpu else LARGE
    assert chosen(now, before, hyperparameters={}).accelerator == (T4 if with_gpu else "none")
    assert chosen(now, None, hyperparameters={}).accelerator == ("none" if with_gpu else T4)
    assert chosen(now, before, kaggle={"accelerator": "NvidiaL4"}).accelerator == "NvidiaL4"
    assert chosen(now, before, device="cpu").accelerator == "none"


def test_a_run_whose_sessions_were_packaged_before_there_was_a_choice_keeps_its_gpu() -> None:
    assert chosen(SMALL, packaged(kaggle={"accelerator": T4})).accelerator == T4
    assert chosen(SMALL, packaged(kaggle={"accelerator": "NvidiaL4"})).accelerator == "NvidiaL4"


def test_another_device_than_before_is_decided_on_anew() -> None:
    assert chosen(LARGE, packaged(device="cpu"), hyperparameters={}).accelerator == T4


def test_what_a_gpu_costs_is_said_with_the_reason() -> None:
    job = job_json(policy="CnnPolicy", session_limit="2h")
    settled = settle(job, Known(WITH_CONVOLUTIONS))
    assert settled.said == (
        "asks Kaggle for an NvidiaTeslaT4, since its policy reads images (CnnPolicy); "
        "a session spends 2h00m of GPU quota at most"
    )
    assert (job["kaggle"]["accelerator"], settled.job["kaggle"]["accelerator"]) == ("auto", T4)
    assert settled.job == {**job, "kaggle": {**job["kaggle"], "accelerator": T4}}


def test_other_backends_leave_a_job_as_it_is() -> None:
    job = job_json()
    for name in ("local", "docker"):
        settled = backend_entry(name).settle(job, Known(LARGE))
        assert (settled.job, settled.said) == (job, None)
