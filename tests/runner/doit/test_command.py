"""doit's `run` command as it begins: what it says again by itself, and what it leaves to the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from doit.cmdparse import CmdParseError

from runner.doit import command as begins
from runner.doit.command import RelayCommand
from runner.doit.loader import RelayLoader
from runner.doit.run import RelayRun

if TYPE_CHECKING:
    from pathlib import Path

SAID = "cart: nothing to do: 256 of 256 timesteps reached in session 0001"
RAN = 7


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """What the rest is asked to run, where it is known of any question that there is nothing to do."""
    asked: list[list[str]] = []

    def execute(_self: RelayRun, _params: Any, args: list[str]) -> int:
        asked.append(args)
        return RAN

    monkeypatch.setattr(RelayRun, "execute", execute)
    monkeypatch.setattr(begins, "said_again", lambda *_question: [SAID])
    monkeypatch.chdir(tmp_path)
    return asked


def run(*arguments: str) -> int:
    """Run a command line; return its exit code."""
    code: int = RelayCommand(task_loader=RelayLoader()).parse_execute([*arguments])
    return code


def test_what_is_known_is_said_and_nothing_runs(runs: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run_full") == 0
    assert runs == []
    assert capsys.readouterr().out == f"{SAID}\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--always"],
        ["--single"],
        ["-n", "2"],
        ["--verbosity", "2"],
        ["--reporter", "relay"],
        ["--reporter", "console"],
        ["--backend", "json"],
        ["--file", "other.py"],
        ["--dir", "elsewhere"],
        ["--seek-file"],
        ["--output-file", "said.txt"],
    ],
)
def test_whoever_sets_an_option_gets_what_it_is_for(runs: list[list[str]], options: list[str]) -> None:
    assert run(*options, "run_full") == RAN
    assert runs == [["run_full"]]


def test_an_option_in_the_environment_counts_too(runs: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOIT_FILE", "other.py")
    assert run() == RAN
    assert runs == [[]]


def test_an_option_of_the_project_counts_too(runs: list[list[str]]) -> None:
    command = RelayCommand(task_loader=RelayLoader(), config={"GLOBAL": {"always": "true"}})
    assert command.parse_execute(["run_full"]) == RAN
    assert runs == [["run_full"]]


def test_a_mistake_is_left_to_the_rest_to_be_named(runs: list[list[str]]) -> None:
    assert run("run_quick", "run_full") == RAN
    assert runs == [["run_quick", "run_full"]]


def test_a_kind_of_memory_or_a_reporter_that_is_not_there_is_named(runs: list[list[str]]) -> None:
    with pytest.raises(CmdParseError, match=r"Provided 'nonsense' but available choices are: .*relay"):
        run("--reporter", "nonsense", "run_full")
    assert runs == []
