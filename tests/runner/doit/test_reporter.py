"""What doit says about tasks."""

from __future__ import annotations

import io
from typing import Any

import pytest
from doit.exceptions import TaskError, TaskFailed, UnmetDependency
from doit.task import Task

from runner.doit.reporter import noting

Codes = dict[str, int]


class Pipe(io.StringIO):
    """A stream that notes what a reader has seen."""

    seen = ""

    def flush(self) -> None:
        self.seen = self.getvalue()


@pytest.fixture
def pipe() -> Pipe:
    """Standard output, redirected."""
    return Pipe()


@pytest.fixture
def exit_codes() -> Codes:
    """What the reporter notes."""
    return {}


@pytest.fixture
def executed() -> set[str]:
    """What the reporter notes besides."""
    return set()


@pytest.fixture
def reporter(pipe: Pipe, exit_codes: Codes, executed: set[str]) -> Any:
    """The reporter of a run that has begun."""
    return noting(exit_codes, executed)(pipe, {"failure_verbosity": 0})


def test_a_stage_is_seen_as_it_begins_and_other_tasks_say_nothing(reporter: Any, pipe: Pipe) -> None:
    reporter.execute_task(Task("execute:cart:0001", None, title=lambda _task: "execute   cart:0001  starts at 0"))
    assert pipe.seen == "execute   cart:0001  starts at 0\n"
    reporter.execute_task(Task("plan:cart", None))
    assert pipe.seen.count("\n") == 1


def test_what_ran_is_noted_but_for_groups_which_do_nothing(reporter: Any, executed: set[str]) -> None:
    reporter.execute_task(Task("run_full", None))
    reporter.execute_task(Task("run_full:cart", [lambda: True]))
    assert executed == {"run_full:cart"}


@pytest.mark.parametrize(("failure", "code"), [(TaskFailed("it failed"), 1), (TaskError("it was wrong"), 2)])
def test_a_failure_of_ours_is_its_sentence(
    reporter: Any, pipe: Pipe, failure: Any, code: int, exit_codes: Codes
) -> None:
    reporter.add_failure(Task("execute:cart:0001", None), failure)
    reporter.complete_run()
    assert pipe.seen == f"{failure.message}\n"
    assert exit_codes == {"cart": code}


def test_a_task_that_was_skipped_for_another_says_nothing_and_counts_for_nothing(
    reporter: Any, pipe: Pipe, exit_codes: dict[str, int]
) -> None:
    reporter.add_failure(Task("restore:cart:0001", None), UnmetDependency("execute:cart:0001"))
    assert pipe.getvalue() == ""
    assert exit_codes == {}


def test_an_error_that_is_none_of_ours_is_reported_in_full(
    reporter: Any, pipe: Pipe, exit_codes: dict[str, int]
) -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError as error:
        reporter.add_failure(Task("execute:cart:0001", None), TaskError("PythonAction Error", error))
    reporter.complete_run()
    assert "ZeroDivisionError" in pipe.getvalue()
    assert exit_codes == {"cart": 2}


def test_the_worst_of_each_job_counts(reporter: Any, exit_codes: Codes) -> None:
    for name, failure in (
        ("execute:cart:0001", TaskError("")),
        ("run_full:cart", TaskFailed("")),
        ("verify:pole", TaskFailed("")),
        ("status", TaskFailed("")),
    ):
        reporter.add_failure(Task(name, None), failure)
    assert exit_codes == {"cart": 2, "pole": 1, "": 1}
