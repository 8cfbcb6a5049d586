"""A calibration finds out how Kaggle is, whichever way that is, and leaves nothing there."""

from __future__ import annotations

import enum
import platform
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from contract.errors import BackendUnreachableError
from emulator.settings import STRICT, EmulatorSettings, ManyFiles, Stopped
from runner.backends.kaggle.calibration.facts import Facts, Listing, read_facts, table
from runner.backends.kaggle.calibration.steps import SLUG, calibrate
from runner.backends.kaggle.health import checks
from runner.backends.kaggle.names import dataset_slug
from tests.emulated import USER
from tests.runner.backends.kaggle.conftest import SETTINGS, Kaggle, own_kaggle, secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCALE = 10.0
"""A limit of a minute is one of six seconds."""
WORST = {**STRICT, "queue_stall_seconds": SCALE, "listing_delay_seconds": SCALE}


AS_IT_MOST_LIKELY_IS: dict[str, Any] = {
    "many_files": "refused",
    "odd_names": True,
    "folder": True,
    "own_output": True,
    "well": ("COMPLETE", True),
    "failed": ("FAILED", True),
    "stopped": ("CANCELLED", True),
}
OTHERWISE: dict[tuple[str, Any], dict[str, Any]] = {
    ("many_files", ManyFiles.DROPPED): {"many_files": "dropped"},
    ("many_files", ManyFiles.TAKEN): {"many_files": "taken"},
    ("stopped", Stopped.LOST): {"stopped": ("FAILED", False)},
}
"""What is found where a rule is another; by the others a calibration finds the same."""


def each_rule_alone() -> Iterator[tuple[str, Any]]:
    """Every other side that the emulator can take of a rule that is not known for sure."""
    for name in (*STRICT, "saved_push"):
        usual = next(field.default for field in fields(EmulatorSettings) if field.name == name)
        others = [each for each in type(usual) if each is not usual] if isinstance(usual, enum.Enum) else [WORST[name]]
        yield from ((name, other) for other in others)


def found_in_short(facts: Facts) -> dict[str, Any]:
    """What was found, a session by its state and whether its output is kept."""
    told = {name: getattr(facts, name) for name in AS_IT_MOST_LIKELY_IS}
    return {name: (each.state, each.is_kept) if isinstance(each, Listing) else each for name, each in told.items()}


def found_on(kaggle: Kaggle, patience: float = 3.0) -> Facts:
    """What a calibration finds."""
    root = kaggle.runs.backend("kaggle")
    calibrate(kaggle.backend(patience=patience).connection, root)
    facts = read_facts(root)
    assert facts is not None
    return facts


@pytest.mark.slow
def test_what_is_most_likely_is_found_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with own_kaggle(tmp_path, monkeypatch, time_scale=SCALE) as own:
        facts = found_on(own)
        emulator = own.emulator.running.emulator
        assert emulator.kernels.find(USER, SLUG) is None
        assert emulator.datasets.find(USER, dataset_slug(SLUG)) is None
        assert secrets_in(own.root) == []
        assert own.calls("SaveKernel") == 5, "the one that makes the kernel, and four sessions"
        (calibrated,) = [check for check in checks(SETTINGS, facts) if check.about == "calibrated"]
        assert str(facts.finished) in calibrated.finding
    assert found_in_short(facts) == AS_IT_MOST_LIKELY_IS
    assert (facts.versions or {})["numpy"]
    said = capsys.readouterr().out
    assert said.startswith("calibrate  makes the private kernel relay-calibration"), "before it does anything"
    assert "60 files in a dataset" in said


@pytest.mark.long("four sessions for each; without --long the most likely and the worst at once do")
@pytest.mark.slow
@pytest.mark.parametrize(("rule", "side"), list(each_rule_alone()), ids=str)
def test_each_rule_that_is_not_known_for_sure_is_found_whichever_way_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, side: Any
) -> None:
    # A dataset that takes a while to be ready, so that a version during the first one's processing can be refused.
    rules = {"dataset_delay_seconds": SCALE, rule: side}
    with own_kaggle(tmp_path, monkeypatch, time_scale=SCALE, **rules) as own:
        facts = found_on(own, patience=20.0 if rule == "listing_delay_seconds" else 3.0)
        emulator = own.emulator.running.emulator
        assert emulator.kernels.find(USER, SLUG) is None
        assert emulator.datasets.find(USER, dataset_slug(SLUG)) is None
        kernels = own.calls("SaveKernel")
    assert found_in_short(facts) == AS_IT_MOST_LIKELY_IS | OTHERWISE.get((rule, side), {})
    assert (facts.versions or {})["numpy"]
    assert facts.python == platform.python_version()
    assert kernels == 5, "the saved version, refused or not, and four sessions"
    assert facts.well is not None
    if rule == "listing_delay_seconds":
        assert facts.longest_lag > 0.5 * side / SCALE
    if rule == "queue_stall_seconds":
        assert facts.well.queued > 0.5 * side / SCALE


@pytest.mark.long("it waits for what never comes; with --long it is tried")
@pytest.mark.slow
def test_the_worst_is_found_too_and_a_cut_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_kaggle(tmp_path, monkeypatch, time_scale=SCALE, **WORST) as own:
        own.fault("unavailable", "ListKernelSessionOutput", retry_after=None)
        with pytest.raises(BackendUnreachableError):
            found_on(own, patience=0.3)
        own.emulator.running.faults.clear()
        uploads = own.calls("StartBlobUpload")
        facts = found_on(own)
        assert own.calls("StartBlobUpload") == uploads == 0, "what was done is not done again"
        assert own.calls("SaveKernel") == 3
    assert facts.many_files == "dropped"
    stopped = facts.stopped
    assert stopped is not None
    assert (stopped.state, stopped.is_kept) == ("FAILED", False)


def test_what_was_found_is_what_the_backend_goes_by(kaggle: Kaggle) -> None:
    root = kaggle.runs.backend("kaggle")
    Facts(run="a", own_output=False, failed=Listing("FAILED", None, is_kept=True, lag=100.0, queued=0.0)).write(root)
    facts = read_facts(root)
    assert facts is not None
    assert facts.longest_lag == 100.0
    assert "FAILED: kept, listed after 100 s; 0 s in the queue" in "\n".join(table(facts))
    assert "not found out yet" in "\n".join(table(facts))
    assert (
        "`doit calibrate backend=kaggle`"
        in {check.about: check.finding for check in checks(SETTINGS, facts)}["not looked at"]
    )


def test_facts_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    assert read_facts(tmp_path) is None
    (tmp_path / "facts.json").write_text("[1", encoding="utf-8")
    assert read_facts(tmp_path) is None
