"""A search goes on as if it had never stopped, wherever it was cut off; and what it does with trials that fail."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from optuna.storages.journal import JournalFileBackend

from contract.errors import InputError, RelayError
from contract.storage import files
from runner.layout import RunsFolder
from runner.studies import records, summary
from runner.studies.journal import Journal
from runner.studies.searching import FIRST_FAILURES, Search
from tests.runner.studies.conftest import RATE, SEARCH, Played, read_study, write_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from runner.studies.values import Trial


class Cut(BaseException):
    """The process is killed here."""


def search_to_its_end(runs: RunsFolder, sessions: Played) -> list[Trial]:
    """Search until nothing more happens; return the trials as they stand on disk."""
    search = Search(runs, read_study(runs.root), sessions)
    while search.tick():
        pass
    return records.trials(runs.study("lr"))


def came_to(trials: Sequence[Trial]) -> list[tuple[Any, ...]]:
    """What came of trials, but for how far a session ran on before it was seen that it is pruned."""
    return [
        (each.name, each.parameters, each.job, each.pruning, each.state, each.outcome and each.outcome.value)
        for each in trials
    ]


def told(runs: RunsFolder) -> list[tuple[Any, ...]]:
    """What Optuna knows of each trial."""
    return [tuple(each) for each in Journal(runs.study("lr"), read_study(runs.root)).trials]


def test_trials_are_asked_run_pruned_and_told(runs: RunsFolder, capsys: pytest.CaptureFixture[str]) -> None:
    sessions = Played(runs)
    trials = search_to_its_end(runs, sessions)
    assert (
        [each.name for each in trials]
        == ["lr-0000", "lr-0001", "lr-0002", "lr-0003"]
        == sessions.begun
        == sessions.gone
    )
    states = summary.counted(trials)
    assert states.keys() == {"complete", "pruned"}
    assert states["pruned"] == len({*sessions.stopped})
    pruned = next(each for each in trials if each.state == "pruned")
    assert pruned.pruning is not None
    assert pruned.pruning.timesteps % 64 == 1
    assert "is less than the median of the complete trials" in pruned.pruning.why
    assert f"{pruned.name}: is pruned, {pruned.pruning.why}" in capsys.readouterr().out
    best = max(each.outcome.value or 0 for each in trials if each.outcome is not None)
    assert summary.sentence("lr", trials, 4).startswith("study lr: 4 trials, ")
    assert (found := summary.best(trials)) is not None
    assert found.outcome is not None
    assert found.outcome.value == best
    assert isinstance(found.job, dict)
    assert found.job["full"]["hyperparameters"]["learning_rate"] == found.parameters[RATE]
    assert found.job["full"]["group"] == "lr"
    assert all(type(each.parameters["hyperparameters.n_epochs"]) is int for each in trials)
    assert {type(each.parameters["hyperparameters.policy_kwargs.net_arch"]) for each in trials} == {list}


def cuts_at(monkeypatch: pytest.MonkeyPatch, which: int, *, torn: bool) -> Callable[[], bool]:
    """Have the process die before its write number `which`, or in the middle of it where that is a journal's line.

    Returns what says whether it came to that.
    """
    numbers = itertools.count()
    cut: list[int] = []
    put_in_place, append = files.put_in_place, JournalFileBackend.append_logs

    def put(temporary: Path, target: Path) -> None:
        if next(numbers) == which:
            cut.append(which)
            raise Cut
        put_in_place(temporary, target)

    def write(journal: JournalFileBackend, logs: list[dict[str, Any]]) -> None:
        if next(numbers) == which:
            cut.append(which)
            if torn:
                with open(journal._file_path, "ab") as stream:  # noqa: PTH123, SLF001 - what Optuna does
                    stream.write(json.dumps(logs[0]).encode()[:40])
            raise Cut
        append(journal, logs)

    monkeypatch.setattr(files, "put_in_place", put)
    monkeypatch.setattr(JournalFileBackend, "append_logs", write)
    return lambda: bool(cut)


@pytest.mark.parametrize(
    ("pruner", "step"), [({"startup": 1}, 4), ({"kind": "halving", "keep": 2}, 7)], ids=["median", "halving"]
)
def test_a_kill_before_any_write_changes_nothing(
    tmp_path: Path,
    pruner: dict[str, Any],
    step: int,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    changes = {"pruner": pruner, "trials": 3}
    write_study(tmp_path / "whole", **changes)
    whole = RunsFolder(tmp_path / "whole")
    expected = came_to(search_to_its_end(whole, Played(whole)))
    known = told(whole)
    for which in itertools.count(0, 1 if request.config.getoption("--long") else step):
        root = tmp_path / str(which)
        write_study(root, **changes)
        runs = RunsFolder(root)
        sessions = Played(runs)
        with monkeypatch.context() as patch:
            was_cut = cuts_at(patch, which, torn=which % 2 == 1)
            with contextlib.suppress(Cut):
                search_to_its_end(runs, sessions)
            if not was_cut():
                break
        assert came_to(search_to_its_end(runs, sessions)) == expected, which
        assert told(runs) == known, which
        assert sessions.begun == [each[0] for each in expected]
    assert which > 15


def test_trials_that_run_beside_each_other_keep_what_was_chosen(tmp_path: Path) -> None:
    write_study(tmp_path, trials=6, at_once=3)
    runs = RunsFolder(tmp_path)
    sessions = Played(runs)
    search = Search(runs, read_study(tmp_path), sessions)
    assert search.tick()
    assert sessions.begun == ["lr-0000", "lr-0001", "lr-0002"]
    chosen = [each.parameters for each in search.trials]
    trials = search_to_its_end(runs, sessions)
    assert [each.parameters for each in trials[:3]] == chosen
    assert all(each.outcome is not None for each in trials)
    assert len({*sessions.begun}) == len(sessions.begun) == 6


def test_more_trials_go_on_from_those_that_there_are(runs: RunsFolder) -> None:
    first = search_to_its_end(runs, sessions := Played(runs))
    write_study(runs.root, trials=6)
    trials = search_to_its_end(runs, sessions)
    assert trials[:4] == first
    assert len(trials) == 6


def test_a_journal_that_is_gone_is_made_again(runs: RunsFolder) -> None:
    trials = search_to_its_end(runs, sessions := Played(runs))
    known = told(runs)
    runs.study("lr").journal.unlink()
    assert search_to_its_end(runs, sessions) == trials
    assert told(runs) == known


def test_a_damaged_journal_and_a_missing_trial_are_a_sentence(runs: RunsFolder) -> None:
    search_to_its_end(runs, sessions := Played(runs))
    folder = runs.study("lr")
    whole = folder.journal.read_bytes()
    folder.journal.write_bytes(whole.replace(b'"op_code":7', b"op_code:7", 1))
    with pytest.raises(RelayError, match=r"journal.log: is damaged; move it away: `doit tune:lr` makes it again"):
        search_to_its_end(runs, sessions)
    folder.journal.unlink()
    folder.trial(1).unlink()
    with pytest.raises(RelayError, match=r"0001.json: is missing, and Optuna's journal has nothing of it"):
        search_to_its_end(runs, sessions)


def test_a_failed_trial_is_told_and_the_search_goes_on(runs: RunsFolder) -> None:
    trials = search_to_its_end(runs, Played(runs, fails=frozenset({0, 2})))
    assert [each.state for each in trials][::2] == ["failed", "failed"]
    assert trials[0].outcome is not None
    assert trials[0].outcome.why == "session 0001 ended (diverged)"
    assert [each[3].state for each in told(runs)][::2] == ["failed", "failed"]


def test_after_the_first_ones_have_all_failed_none_is_begun(runs: RunsFolder) -> None:
    search = Search(runs, read_study(runs.root), Played(runs, fails=frozenset(range(9))))
    assert not search.tick()
    assert search.is_stuck
    assert len(search.trials) == FIRST_FAILURES
    assert len(search_to_its_end(runs, Played(runs))) == 4  # once what was wrong is put right


def test_values_that_do_not_go_together_fail_without_a_session(tmp_path: Path) -> None:
    sizes = {"hyperparameters.batch_size": {"choices": [16, 128]}}
    write_study(tmp_path, search=sizes, trials=6, sampler="random")
    runs = RunsFolder(tmp_path)
    trials = search_to_its_end(runs, sessions := Played(runs))
    failed = [each for each in trials if each.state == "failed"]
    assert failed
    assert {each.parameters["hyperparameters.batch_size"] for each in failed} == {128}
    assert all(each.outcome is not None and "is more than a rollout holds" in each.outcome.why for each in failed)
    assert not {each.name for each in failed} & {*sessions.begun}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"search": {**SEARCH, RATE: {"low": 1e-4, "high": 1e-1}}}, rf"search\.{RATE}"),
        ({"metric": "last"}, "metric"),
        ({"with": {"seed": 7}}, "job.seed"),
        ({"with": {"total_timesteps": 512}}, "total_timesteps"),
    ],
)
def test_a_study_stays_what_it_was_when_its_trials_began(runs: RunsFolder, changes: dict[str, Any], what: str) -> None:
    search_to_its_end(runs, sessions := Played(runs))
    write_study(runs.root, **changes)
    sentence = rf"study lr: has other values of {what} than when its trials began.*give the study another name"
    with pytest.raises(InputError, match=sentence):
        search_to_its_end(runs, sessions)


def test_how_sessions_run_may_change_meanwhile(runs: RunsFolder) -> None:
    search = Search(runs, read_study(runs.root), sessions := Played(runs))
    search.tick()
    write_study(runs.root, **{"with": {"max_sessions": 7}})
    Search(runs, read_study(runs.root), sessions)
    trial = records.trials(runs.study("lr"))[0]
    assert isinstance(trial.job, dict)
    assert trial.job["full"]["max_sessions"] == 7
    assert trial.parameters == search.trials[0].parameters
