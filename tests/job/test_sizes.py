"""Sizes as Docker's command line writes them."""

from __future__ import annotations

from typing import Any

import pytest

from job.model import parse_job
from job.problems import InvalidJobError
from job.sizes import LARGEST_SIZE, parse_size
from tests.trainer.conftest import job_values


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("8g", 8 << 30),
        ("512m", 512 << 20),
        ("64K", 64 << 10),
        ("1.5GiB", 3 << 29),
        ("2 t".replace(" ", ""), 2 << 40),
        ("100b", 100),
        ("100", 100),
        (1e6, 1_000_000),
        (1 << 20, 1 << 20),
        (" 8gb ", 8 << 30),
    ],
)
def test_sizes_are_read(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written",
    ["", "g", "8x", "-8g", "8 g", "0", "1e3g", 0, -1, True, None, [8], LARGEST_SIZE + 1, float("nan"), "9" * 16],
)
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="must be a size such as 8g, 512m or a number of bytes above 0"):
        parse_size(written)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"memory": "lots"}, "must be a size such as 8g"),
        ({"memory": "1m"}, "must be at least 6291456"),
        ({"cpus": 0}, "must be at least 0.01"),
        ({"user": "bob"}, 'must be numbers as text, such as "1000" or "1000:1000"'),
        ({"user": 1000}, "must be text"),
        ({"image": "two words"}, "must be the name of an image, such as kaggle-relay:cpu"),
        ({"image": "--privileged"}, "must be the name of an image, such as kaggle-relay:cpu"),
        ({"privileged": True}, "unknown key"),
    ],
)
def test_a_container_that_cannot_be_made_is_refused_with_the_job(written: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidJobError) as raised:
        parse_job(job_values(docker=written))
    (problem,) = raised.value.problems
    assert problem.path[0] == "docker"
    assert problem.message.startswith(message)
