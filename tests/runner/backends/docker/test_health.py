"""What a newcomer is told of the Docker engine before a session is spent."""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

from runner.backends.docker.health import checks
from tests.engine import image

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_engine_that_answers_says_what_it_has_and_that_the_image_is_there() -> None:
    named = image()
    found = {each.about: each for each in checks(named)}
    assert all(each.is_well for each in found.values())
    assert "CPUs" in found["Docker engine"].finding
    assert found["image"].finding.startswith(f"{named} is there (")


def test_an_image_that_is_not_there_is_named_with_the_next_command() -> None:
    image()
    found = {each.about: each for each in checks("kaggle-relay:of-nobody")}
    assert not found["image"].is_well
    assert "run `make image PROFILE=of-nobody`" in found["image"].finding


def test_an_engine_that_does_not_answer_is_one_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the SDK leaves the socket that found nobody to the collector
        (found,) = checks()
        gc.collect()
    assert not found.is_well
    assert "gives no answer" in found.finding
