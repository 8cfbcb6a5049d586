"""What a job may say of its containers."""

from __future__ import annotations

from typing import Any

import pytest

from job.model import parse_job
from job.problems import InvalidJobError
from runner.backends.docker.section import Docker
from runner.jobs.sections import job_with
from tests.trainer.conftest import job_values


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
        parse_job(job_values(docker=written), job_with({"docker": Docker}))
    (problem,) = raised.value.problems
    assert problem.path[0] == "docker"
    assert problem.message.startswith(message)


def test_a_size_is_kept_in_bytes_and_read_back_as_it_is() -> None:
    own = Docker.model_validate({"memory": "8g", "shm": "64m", "cpus": 2, "user": None})
    assert (own.image, own.memory, own.cpus, own.shm, own.user) == ("kaggle-relay:cpu", 8 << 30, 2.0, 64 << 20, None)
    assert Docker.model_validate(own.model_dump(mode="json")) == own
