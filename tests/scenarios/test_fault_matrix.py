"""Every call of the kaggle backend meets every fault: the right result, or a sentence and a rerun that succeeds.

A share of the cases is part of the suite; with `--long` it is all of them, which takes minutes.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from contract.errors import BackendError
from emulator.faults.rules import Kind
from emulator.sessions.session import LAST_WORDS
from emulator.settings import STRICT
from runner.backends.kaggle import dataset
from runner.backends.kaggle.names import dataset_slug
from tests.emulated import KEY, USER, emulated
from tests.scenarios.fault_cases import Case, Stage, cases, share
from tests.scenarios.kaggle_sessions import (
    LEFT,
    QUICK,
    StillRunningError,
    bring_home,
    brought,
    new_backend,
    package,
    packaged,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.emulated import EmulatedKaggle
    from tests.scenarios.kaggle_sessions import Packaged

CASES = list(cases())
STRICT_SHARE = 4
"""Of the cases every fourth happens on the strict emulator too."""
QUICK_STRICT = {"listing_delay_seconds": 0.05, "queue_stall_seconds": 0.05}
NOTES = "notes"
END = "end"
"""The file that ends a session which runs."""
ROOT = Path(__file__).resolve().parents[2]
SHORT_TIMEOUT_SECONDS = 0.5
"""For the client of an emulator that does not answer."""
SHORT_PATIENCE_SECONDS = 0.3
"""With a call that fails as often as it is repeated."""
RUN_PATIENCE_SECONDS = 1.0
"""With a session of which no end will be seen."""
READY_PATIENCE_SECONDS = 0.5
"""With a dataset that never is ready."""
WAITING = {(Kind.UNKNOWN_STATUS, "GetKernelSessionStatus"), (Kind.EARLIER_ANSWER, "GetKernelSessionStatus")}
"""Faults which, as long as they last, can only be taken for a session that goes on."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        chosen = CASES if metafunc.config.getoption("--long") else share(CASES)
        both = [*(("likely", case) for case in chosen), *(("strict", case) for case in chosen[::STRICT_SHARE])]
        metafunc.parametrize(("rules", "case"), both, ids=str)


RULES: dict[str, dict[str, Any]] = {"likely": {}, "strict": {**STRICT, **QUICK_STRICT}}
"""What is not known for sure of Kaggle: as it most likely is, or the worst of each, without long waits."""


@dataclass(frozen=True)
class Place:
    """Where cases happen.

    Args:
        kaggle: an emulator.
        two_ended: the project of a job whose first session came home, and whose second one has ended there.
    """

    kaggle: EmulatedKaggle
    two_ended: Path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Place]]:
    """The place with some rules, made once, whichever the order of the tests."""
    with contextlib.ExitStack() as stack:

        @functools.cache
        def made(rules: str) -> Place:
            folder = tmp_path_factory.mktemp("kaggle")
            delay = {"dataset_delay_seconds": 0.05}
            kaggle = stack.enter_context(emulated(folder, cpu_slots=1000, gpu_slots=1000, **{**delay, **RULES[rules]}))
            with mock.patch.dict(os.environ, kaggle.environment()):
                return Place(kaggle, end_two(kaggle, tmp_path_factory.mktemp("ended") / "project"))

        yield made


@pytest.fixture
def place(places: Callable[[str], Place], rules: str) -> Iterator[Place]:
    """The place of a case, which its commands reach."""
    there = places(rules)
    with mock.patch.dict(os.environ, there.kaggle.environment()):
        yield there


@pytest.fixture
def kaggle(place: Place) -> EmulatedKaggle:
    return place.kaggle


@pytest.fixture
def no_faults(case: Case, kaggle: EmulatedKaggle, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None but those of the test, during which nobody waits for half an hour."""
    if case.lasts:
        monkeypatch.setattr(dataset, "READY_PATIENCE_SECONDS", READY_PATIENCE_SECONDS)
    yield
    kaggle.running.faults.clear()


def end_two(kaggle: EmulatedKaggle, root: Path) -> Path:
    """Let one session come home and another one end; return their project."""
    bring_home(package(root, "ended", 1), root / NOTES)
    given = package(root, "ended", 2)
    with new_backend(root / NOTES) as backend:
        backend.submit(given.folder, given.key)
    kaggle.wait(given.slug)
    return root


def prepared(case: Case, root: Path, two_ended: Path) -> Packaged:
    """The session that the case is about, at the stage that it names."""
    if case.stage is Stage.ENDED:
        shutil.copytree(two_ended, root)
        return packaged(root, "ended", 2)
    job = f"case-{CASES.index(case)}"
    if case.stage is Stage.SECOND:
        bring_home(package(root, job, 1), root / NOTES)
        return package(root, job, 2)
    if case.stage is Stage.RUNNING:
        given = package(root, job, until=root / END)
        with new_backend(root / NOTES) as backend:
            backend.submit(given.folder, given.key)
        return given
    return package(root, job, gpu=case.stage is Stage.GPU)


@contextlib.contextmanager
def running_until_it_happens(kaggle: EmulatedKaggle, end: Path) -> Iterator[None]:
    """Let the session that runs end once the fault has happened, or the block is over."""
    is_over = threading.Event()

    def wait() -> None:
        while not kaggle.running.faults.as_json()["journal"] and not is_over.wait(0.01):
            pass
        end.touch()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def versions_with_key(kaggle: EmulatedKaggle, given: Packaged) -> int:
    kernels = kaggle.running.emulator.kernels
    kernel = kernels.find(USER, given.slug)
    versions = kernels.list_versions(kernel.id) if kernel is not None else []
    return sum(given.key in kernels.source(each.id) for each in versions)


def on_dataset(kaggle: EmulatedKaggle, given: Packaged) -> dict[str, int]:
    datasets = kaggle.running.emulator.datasets
    found = datasets.find(USER, dataset_slug(given.slug))
    assert found is not None
    return {each.path: each.bytes for each in datasets.files(datasets.list_versions(found.id)[0].id)}


def assert_is_a_sentence(error: BackendError) -> None:
    text = str(error)
    assert text.strip()
    assert len(text.splitlines()) == 1
    assert len(text) < 400
    for secret in (KEY, f"{USER}/", "http://", "signature", "Traceback"):
        assert secret not in text, text


@pytest.mark.slow
@pytest.mark.usefixtures("no_faults")
def test_the_session_comes_home(
    case: Case,
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    kaggle = place.kaggle
    if case.stage is Stage.TOKEN:
        monkeypatch.delenv("KAGGLE_USERNAME")
        monkeypatch.delenv("KAGGLE_KEY")
        monkeypatch.setenv("KAGGLE_API_TOKEN", KEY)
    root = tmp_path / "project"
    given = prepared(case, root, place.two_ended)
    settings = replace(
        QUICK,
        timeout=SHORT_TIMEOUT_SECONDS if case.rule.kind is Kind.TIME_OUT else QUICK.timeout,
        patience=SHORT_PATIENCE_SECONDS if case.lasts else QUICK.patience,
    )
    patience = RUN_PATIENCE_SECONDS if case.lasts and (case.rule.kind, case.call) in WAITING else 120.0
    kaggle.running.faults.add([case.rule])
    log, said = None, None
    try:
        with running_until_it_happens(kaggle, root / END):
            log = bring_home(given, root / NOTES, settings, patience)
    except (BackendError, StillRunningError) as error:
        said = error
    record_property("ended", "the right result" if said is None else type(said).__name__)  # counted in junit's XML
    injected = kaggle.running.faults.as_json()["journal"]
    assert injected, f"{case} never happened"
    assert {each["kind"] for each in injected} == {case.rule.kind}
    if said is not None:
        assert case.lasts, said
        if isinstance(said, BackendError):
            assert_is_a_sentence(said)
        else:
            assert (case.rule.kind, case.call) in WAITING
        assert versions_with_key(kaggle, given) <= 1
        kaggle.running.faults.clear()
        log = bring_home(given, root / NOTES)
    assert versions_with_key(kaggle, given) == 1
    assert on_dataset(kaggle, given) == given.sent
    assert brought(given) == LEFT
    assert log is not None
    printed = [line for line in log.splitlines() if f"{line}\n" not in LAST_WORDS]
    assert printed == [f"session of {given.key}", f"left {len(LEFT)} files"]


def test_the_matrix_and_its_share_hold_every_kind_and_every_call() -> None:
    assert len(set(map(str, CASES))) == len(CASES)
    for some in (CASES, share(CASES)):
        assert {case.rule.kind for case in some} == set(Kind) - {Kind.ANSWER}
        assert {case.call for case in some} == {case.call for case in CASES}


def test_the_documentation_tells_the_number_of_cases() -> None:
    assert f"{len(CASES)} cases" in (ROOT / "docs" / "emulator-faults.md").read_text(encoding="utf-8")
