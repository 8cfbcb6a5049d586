"""Backends by name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from contract.errors import InputError
from contract.states import State
from runner.backends.base import Backend
from runner.backends.registry import BACKENDS, open_backend
from runner.layout import RunsFolder

if TYPE_CHECKING:
    from pathlib import Path

CALLS = [name for name, member in inspect.getmembers(Backend, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("name", BACKENDS)
def test_each_backend_opens_under_its_name_and_answers_every_call(name: str, tmp_path: Path) -> None:
    backend = open_backend(name, RunsFolder(tmp_path))
    assert backend.name == name
    for call in CALLS:
        wanted = list(inspect.signature(getattr(Backend, call)).parameters)[1:]
        assert list(inspect.signature(getattr(backend, call)).parameters) == wanted
    assert list(tmp_path.iterdir()) == []  # opening one writes nothing


def test_the_calls_are_the_ten_that_backends_are_told_to_have() -> None:
    assert sorted(CALLS) == [
        "cancel",
        "close",
        "diagnose",
        "fetch",
        "find",
        "logs",
        "provisions",
        "release",
        "status",
        "submit",
    ]


def test_an_unknown_backend_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"backend moon: is unknown; choose one of {', '.join(BACKENDS)}"):
        open_backend("moon", RunsFolder(tmp_path))


@pytest.mark.parametrize("state", State)
def test_every_state_but_queued_and_running_stays(state: State) -> None:
    assert state.is_terminal is (state not in (State.QUEUED, State.RUNNING))
