"""A check that runs beside the tests is told when they have ended, and fails the command as any other does."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import develop
from tests import services

if TYPE_CHECKING:
    from pathlib import Path


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


def test_what_both_locks_would_hold_stands_in_the_first_one_so_that_they_cannot_differ() -> None:
    main, more = entries(develop.LOCK), entries(develop.SERVICES_LOCK)
    assert main.keys().isdisjoint(more)
    names = {each.partition("==")[0] for each in main} & {each.partition("==")[0] for each in more}
    assert {each for each in more if each.partition("==")[0] in names and " ; " not in each} == set()
    assert all("--hash=sha256:" in hashes for hashes in (*main.values(), *more.values()))


def test_the_locks_have_all_that_is_asked_for_by_name() -> None:
    groups = tomllib.loads(develop.PROJECT.read_text(encoding="utf-8"))["dependency-groups"]
    main, more = ({each.partition("==")[0] for each in entries(lock)} for lock in (develop.LOCK, develop.SERVICES_LOCK))
    assert {canonicalize_name(Requirement(each).name) for each in groups["dev"]} <= main
    assert {canonicalize_name(Requirement(each).name) for each in groups["services"]} <= main | more


def entries(lock: Path) -> dict[str, str]:
    """What a lock pins, with its hashes."""
    joined = lock.read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line.partition(" --hash") for line in joined.splitlines() if not line.startswith("#")]
    return {pin.strip(): mark + hashes for pin, mark, hashes in lines}


def test_services_are_installed_where_they_are_asked_for_and_kept_up_to_date_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = list[str]()
    monkeypatch.setattr(develop, "VENV", tmp_path)
    monkeypatch.setattr(develop, "SERVICES_LOCK", tmp_path / "services.lock")
    monkeypatch.setattr(develop, "pip_install", lambda *arguments: installed.append(arguments[-1]))
    develop.SERVICES_LOCK.write_text("ray==1\n", encoding="utf-8")
    develop.mark("project", "complete")
    develop.install_services(wanted=False)
    assert (installed, develop.done_with("project")) == ([], "complete")
    for _ in range(2):
        develop.install_services(wanted=True)
    assert (installed, develop.done_with("project")) == (["services.lock"], ""), "what is installed is checked again"
    develop.SERVICES_LOCK.write_text("ray==2\n", encoding="utf-8")
    for _ in range(2):
        develop.install_services(wanted=False)
    assert installed == ["services.lock"] * 2


@pytest.mark.parametrize("is_ci", [True, False])
def test_what_needs_a_service_is_skipped_with_a_reason_and_fails_in_ci(
    is_ci: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "NEVER_SKIPPED", is_ci)
    services.needs("json", "pytest")
    with pytest.raises(pytest.fail.Exception if is_ci else pytest.skip.Exception, match="not installed: nowhere; make"):
        services.needs("json", "nowhere")


def test_ci_brings_the_services_wherever_it_runs_all_tests() -> None:
    script = (develop.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.index('"${CI:-}" = true') < script.index("make setup SERVICES=yes") < script.index("exec make test")
    workflow = (develop.ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert workflow.index("make setup SERVICES=yes") < workflow.index("make coverage")
