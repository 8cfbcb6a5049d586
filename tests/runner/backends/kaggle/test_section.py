"""What a job may say of its sessions on Kaggle."""

from __future__ import annotations

from typing import Any

import pytest

from job.model import parse_job
from job.problems import InvalidJobError, Problem
from runner.backends.kaggle.section import Kaggle
from runner.jobs.sections import job_with
from tests.trainer.conftest import job_values


def problems(**written: Any) -> list[Problem]:
    with pytest.raises(InvalidJobError) as caught:
        parse_job(job_values(kaggle=written), job_with({"kaggle": Kaggle}))
    return caught.value.problems


@pytest.mark.parametrize("name", ["T4", "None"])
def test_an_accelerator_has_kaggles_name(name: str) -> None:
    message = f'must be auto, none or a name of Kaggle\'s, such as NvidiaTeslaT4, found "{name}"'
    assert problems(accelerator=name) == [Problem(("kaggle", "accelerator"), message)]


@pytest.mark.parametrize("name", ["NvidiaTeslaP100", "NvidiaTeslap100"])
def test_a_p100_is_refused(name: str) -> None:
    message = f'must not be a P100, which current builds of torch cannot use, found "{name}"'
    assert problems(accelerator=name) == [Problem(("kaggle", "accelerator"), message)]


@pytest.mark.parametrize("name", ["TpuV38", "tpu1vmV38", "TPU"])
def test_a_tpu_is_not_supported(name: str) -> None:
    message = f'must not be a TPU, which is not supported: torch trains on a GPU or a CPU here, found "{name}"'
    assert problems(accelerator=name) == [Problem(("kaggle", "accelerator"), message)]


def test_an_image_is_one_of_kaggles_or_a_word_for_one() -> None:
    (problem,) = problems(image="two words")
    assert problem.message.startswith("must be original, latest, or one of Kaggle's images by its full name")
    for image in ("original", "latest", f"gcr.io/kaggle-gpu-images/python@sha256:{'0' * 64}"):
        assert Kaggle(image=image).image == image


def test_a_parent_is_carried_in_one_of_three_ways() -> None:
    (problem,) = problems(carry_parent="pigeon")
    assert (problem.unknown, problem.known) == ("pigeon", ("auto", "dataset", "kernel"))


def test_an_unknown_key_is_refused() -> None:
    (problem,) = problems(acelerator="none")
    assert (problem.path, problem.message) == (("kaggle", "acelerator"), "unknown key")


@pytest.mark.parametrize(
    ("key", "wrong", "message"),
    [
        ("datasets", "bob/heights/latest", "must be owner/dataset or owner/dataset/VERSION"),
        ("datasets", "https://www.kaggle.com/datasets/bob/heights", "must be owner/dataset"),
        ("competitions", "c/titanic", "must be the name of a competition"),
        ("models", "google/gemma", "must be owner/model/framework/variation/VERSION"),
    ],
)
def test_data_have_the_names_that_kaggle_mounts_them_by(key: str, wrong: str, message: str) -> None:
    (problem,) = problems(**{key: [wrong]})
    assert problem.path == ("kaggle", key, 0)
    assert problem.message.startswith(message)


def test_data_that_are_not_there_leave_no_trace() -> None:
    assert not {"datasets", "competitions", "models"} & Kaggle().model_dump().keys()
    assert Kaggle(datasets=("a/b", "a/b", "mine")).datasets == ("a/b", "mine")
