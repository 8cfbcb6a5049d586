"""Whether the backends would take a session, said one finding at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.errors import BackendError
from runner.backends.base import Check
from runner.backends.local import LocalBackend
from runner.commands.doctor import examine
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import write_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_each_backend_of_the_jobs_is_examined_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jobs(tmp_path, one=cart_pole(), two=cart_pole())
    examine(Workspace(tmp_path), ["one", "two"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "backend local"
    assert lines[1].startswith("  ok     this machine: Python 3.")
    assert " are free in " in lines[2]
    tried = "  ok     trial: its environment and model can be made, stepped, saved and loaded"
    assert lines[3:] == ["job one", tried, "job two", tried]
    assert [path.name for path in (tmp_path / "runs").rglob("*.*") if path.is_file()] == ["trials.json"]


def test_what_is_wrong_is_said_and_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def diagnose(_self: LocalBackend) -> Iterator[Check]:
        yield Check("the weather", "is fine")
        yield Check("the clock", "is 900 s off: set this machine's clock", is_well=False)
        raise BackendError("the rest", "cannot be looked at", "ask again")

    closed: list[LocalBackend] = []
    monkeypatch.setattr(LocalBackend, "diagnose", diagnose)
    monkeypatch.setattr(LocalBackend, "close", lambda self: closed.append(self))  # noqa: PLW0108 - a method, unlike append
    write_jobs(tmp_path, one=cart_pole())
    with pytest.raises(BackendError, match="doctor: these checks failed: local: the clock, local: local; mend what"):
        examine(Workspace(tmp_path), ["one"])
    assert len(closed) == 1
    said = capsys.readouterr().out
    assert "  WRONG  the clock: is 900 s off: set this machine's clock" in said
    assert "  WRONG  local: the rest: cannot be looked at; ask again" in said


@pytest.mark.parametrize("name", ["local"])
def test_a_full_disk_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("runner.backends.local.LEAST_FREE_BYTES", 1 << 62)
    (check,) = LocalBackend(tmp_path / name).diagnose()
    assert not check.is_well
    assert check.finding.endswith(": make it 4294967296.0 GiB")
