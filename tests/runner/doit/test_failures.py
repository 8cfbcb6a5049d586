"""Errors as one sentence, whatever a disk or a file system answers."""

from __future__ import annotations

import errno

import pytest
from doit.exceptions import TaskError, TaskFailed

from contract.errors import BackendError, InputError
from runner.doit.failures import exiting_on_error, in_one_sentence


def failing(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG])
def test_what_a_disk_answers_is_one_sentence(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    error = OSError(number, "in some words", "/project/runs/a file\x1b[2J")
    failure = in_one_sentence(lambda: failing(error))()
    assert isinstance(failure, TaskFailed)
    told = str(failure.message)
    assert told.startswith("/project/runs/a file\\x1b[2J: cannot be used (")
    with pytest.raises(SystemExit) as ended, exiting_on_error():
        raise error
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"{told}\n"


def test_an_error_of_ours_keeps_its_words_and_its_exit_code() -> None:
    failure = in_one_sentence(lambda: failing(InputError("jobs.yaml", "is wrong", "correct it")))()
    assert isinstance(failure, TaskError)
    assert failure.message == "jobs.yaml: is wrong; correct it"
    assert isinstance(in_one_sentence(lambda: failing(BackendError("it", "is gone")))(), TaskFailed)


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "is not there", "x"), ValueError("a fault of ours")])
def test_a_fault_of_ours_is_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)):
        in_one_sentence(lambda: failing(error))()
