"""A check that runs beside the tests is told when they have ended, and fails the command as any other does."""

from __future__ import annotations

import subprocess
import sys

import pytest

import develop


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_what_runs_beside_the_tests_is_told_after_them(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with develop.beside([python("print('first check')"), python("print('second check')")]):
        develop.run(*python("print('the tests')"))
    assert capfdbinary.readouterr().out.split(b"\n")[:-1] == [b"the tests", b"first check", b"second check"]


def test_a_check_that_fails_beside_tests_that_pass_fails_the_command(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with (
        pytest.raises(subprocess.CalledProcessError) as raised,
        develop.beside([python("import sys; print('an error of types'); sys.exit(3)"), python("print('sound')")]),
    ):
        develop.run(*python("print('the tests')"))
    assert raised.value.returncode == 3
    assert capfdbinary.readouterr().out.split(b"\n")[:-1] == [b"the tests", b"an error of types", b"sound"]


def test_tests_that_fail_are_followed_by_what_ran_beside_them(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised, develop.beside([python("print('sound')")]):
        develop.run(*python("import sys; sys.exit(5)"))
    assert raised.value.returncode == 5
    assert capfdbinary.readouterr().out == b"sound\n"


def test_every_check_and_test_is_part_of_make_test_and_coverage_is_not() -> None:
    tools = [*develop.TOOLS["test"], *develop.BESIDE["test"]]
    assert {*develop.TOOLS["lint"], *develop.TOOLS["types"]} <= {*tools}
    assert [tool for tool in tools if tool[0] == "pytest"] == [develop.PYTEST]
    assert "--cov" not in develop.PYTEST
