"""Datasets that no session needs go from Kaggle, when the user agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.backends.kaggle.tidying import tidy
from tests.emulated import USER
from tests.runner.backends.kaggle.conftest import follow
from tests.runner.conftest import job_json

if TYPE_CHECKING:
    import pytest

    from tests.runner.backends.kaggle.conftest import Kaggle


def test_a_dataset_goes_when_the_user_agrees_and_the_next_session_makes_it_again(
    kaggle: Kaggle, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, key = kaggle.package("tidied")
    follow(kaggle.backend(), kaggle.backend().submit(folder, key))
    jobs = [job_json(name, backend="kaggle", kaggle={}) for name in ("tidied", "never_ran")]
    datasets = kaggle.emulator.running.emulator.datasets
    connection, root = kaggle.backend().connection, kaggle.runs.backend("kaggle")
    tidy(connection, root, jobs, lambda: False)
    assert datasets.find(USER, "relay-tidied-input") is not None
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("gc  dataset relay-tidied-input: ")
    assert said[1:] == ["gc  nothing was removed from Kaggle; `doit gc backend=kaggle apply=yes` removes it"]
    tidy(connection, root, jobs, lambda: True)
    assert datasets.find(USER, "relay-tidied-input") is None
    folder, key = kaggle.package("tidied", 2)
    follow(kaggle.backend(), kaggle.backend().submit(folder, key))
    assert datasets.find(USER, "relay-tidied-input") is not None


def test_where_there_is_nothing_nobody_is_asked(kaggle: Kaggle, capsys: pytest.CaptureFixture[str]) -> None:
    def asked() -> bool:
        raise AssertionError

    root = kaggle.runs.backend("kaggle")
    tidy(kaggle.backend().connection, root, [job_json("never_ran", backend="kaggle", kaggle={})], asked)
    assert capsys.readouterr().out == "gc  there is nothing to remove from Kaggle\n"
