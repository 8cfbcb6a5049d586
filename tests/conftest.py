"""Fixtures that every test may use."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests import network_guard
from tests.examples import ALL_OF_THEM
from tests.guarded.sitecustomize import PRELOADED_VARIABLE
from tests.preloading import preloaded
from tests.project import Project

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path


WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
"""The name of this process where it is one of several, as `gw0`."""

# A machine that does something else is no failure: neither of an example nor of how quickly it was drawn.
hypothesis.settings.register_profile("relay", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile(ALL_OF_THEM, hypothesis.settings.get_profile("relay"))
hypothesis.settings.load_profile("relay")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="kill sessions at some hundred moments, at every file operation of four sessions among them, which "
        "takes tens of minutes (tests/scenarios/test_kills.py), let every fault happen to every call "
        "(tests/scenarios/test_fault_matrix.py), kill doit in every stage of every session, here, on Kaggle and in "
        "containers (tests/scenarios/test_killed_runner.py, tests/scenarios/test_kaggle_relay.py, "
        "tests/scenarios/test_docker_relay.py, tests/scenarios/test_kaggle_in_containers.py), give 200 commands that "
        "do not wait and lose a machine in every stage of three sessions (tests/scenarios/test_unattended.py, "
        "tests/scenarios/test_recovery.py), kill sessions with wrappers, callbacks and a policy of a user's own, and "
        "of Atari (tests/scenarios/test_own_parts.py), cut sessions off on a Slurm cluster by time, preemption and "
        "nodes that fail (tests/scenarios/test_slurm_relay.py) and on a Ray cluster by kills of a node and its head "
        "(tests/scenarios/test_ray_relay.py), and ask every earlier state of the code "
        "(tests/scenarios/test_earlier_versions.py), and try every example of what is drawn at random "
        "(tests/examples.py); without it a share of them is taken, in "
        "tests/scenarios/test_killed_sessions.py and tests/trainer/stopping/test_interruption.py too",
    )


def pytest_configure(config: pytest.Config) -> None:
    os.environ.pop("PYTHONUNBUFFERED", None)  # a developer's machine has none: a test may not rely on it
    network_guard.start()
    if config.getoption("--long"):
        hypothesis.settings.load_profile(ALL_OF_THEM)
    if PRELOADED_VARIABLE not in os.environ:  # else this is a worker, whose controller has started what all of them ask
        begin_at_once = contextlib.ExitStack()
        begin_at_once.enter_context(preloaded())
        config.add_cleanup(begin_at_once.close)


def pytest_unconfigure() -> None:
    network_guard.stop()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let each worker begin elsewhere: what one has compiled, the others find on disk."""
    report = yield
    if isinstance(collector, pytest.Directory) and WORKER:
        count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        first = len(report.result) * int(WORKER.removeprefix("gw")) // count
        report.result = [*report.result[first:], *report.result[:first]]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage in none of it, neither meanwhile nor later: meanwhile it takes a third of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        let_torch_log_through_the_root()


def let_torch_log_through_the_root() -> None:
    """Spare each phase of each test some forty loggers.

    pytest adds its handlers to every logger that passes nothing on, as torch's do, and takes them away again. What
    they log reaches pytest's handlers all the same, at the root.
    """
    for name, logger in logging.root.manager.loggerDict.items():
        if name.partition(".")[0] == "torch" and isinstance(logger, logging.Logger):
            logger.propagate = True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the files with slow tests first, so that no worker is at a long one when the others have nothing left.

    Without `--long`, long tests are left out before anything is made for them.
    """
    for item in items if not config.getoption("--long") else ():
        if (long := item.get_closest_marker("long")) is not None:
            item.add_marker(pytest.mark.skip(reason=long.args[0]))
    if WORKER:
        items.sort(key=lambda item: item.path)  # as each of the others, who have begun elsewhere
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.path.parent.name == "scenarios"}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def this_machine_only() -> Iterator[None]:
    """Fail a test during which anything tried to reach another machine, even where the error was swallowed."""
    yield
    if attempts := network_guard.attempts():
        pytest.fail("\n".join(attempts), pytrace=False)


@pytest.fixture(autouse=True, scope="session")
def trials_are_shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what is found of jobs where pytest removes it: in the folder that all its workers share."""
    own = tmp_path_factory.getbasetemp()
    Project.trials = (own.parent if WORKER else own) / "trials.json"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project of the test's own, in a folder whose path has a space."""
    own = Project(tmp_path / "a project")
    yield own
    own.stop_everything()


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that the tests of a module share."""
    shared = Project(tmp_path_factory.mktemp("shared") / "a project")
    yield shared
    shared.stop_everything()
