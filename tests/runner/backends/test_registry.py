"""Backends by name."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from contract.errors import InputError
from contract.states import State
from runner.backends.base import Backend
from runner.backends.registry import BACKENDS, GROUP, backend_entry, installed, is_known, known_backends, open_backend
from runner.layout import RunsFolder
from tests.elsewhere import install_moon
from tests.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
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


def test_the_calls_are_the_eleven_that_backends_are_told_to_have() -> None:
    assert sorted(CALLS) == [
        "cancel",
        "close",
        "diagnose",
        "fetch",
        "find",
        "logs",
        "prepare",
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


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, into which a distribution may be installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("relay_moon", None)


def test_a_backend_of_another_distribution_is_found_once_it_is_installed(site: Path, tmp_path: Path) -> None:
    assert not is_known("moon")
    before = installed()
    install_moon(site)
    assert installed() != before
    assert known_backends() == (*BACKENDS, "moon")
    section = backend_entry("moon").section
    assert section is not None
    assert section.model_validate({}).model_dump() == {"crater": "tycho", "rovers": 1}
    with open_backend("moon", RunsFolder(tmp_path)) as backend:
        assert backend.name == "moon"
        assert backend.find("0" * 64) is None


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("relay_moon:NO_ENTRY", "is not a backend: relay_moon:NO_ENTRY is a int"),
        ("relay_sun:ENTRY", "cannot be loaded (ModuleNotFoundError: No module named 'relay_sun')"),
        ("relay_moon:SUN", "cannot be loaded (AttributeError: module 'relay_moon' has no attribute 'SUN')"),
    ],
)
def test_a_backend_that_cannot_be_loaded_is_one_sentence(site: Path, target: str, problem: str) -> None:
    install_moon(site, target)
    with pytest.raises(InputError) as caught:
        backend_entry("moon")
    assert str(caught.value) == f"backend moon of relay-moon: {problem}; repair or uninstall relay-moon"


def test_nobody_takes_the_place_of_a_backend_that_comes_along(site: Path) -> None:
    install_moon(site)
    (site / "relay_moon-1.0.dist-info" / "entry_points.txt").write_text(
        f"[{GROUP}]\nlocal = relay_moon:ENTRY\n", encoding="utf-8"
    )
    assert known_backends() == tuple(BACKENDS)
    assert backend_entry("local") is BACKENDS["local"]()


def test_the_backends_that_come_along_are_declared_as_any_other() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"][GROUP]
    for name, entry in BACKENDS.items():
        module, _, attribute = declared.pop(name).partition(":")
        assert getattr(importlib.import_module(module), attribute) is entry()
    assert declared == {}


def test_known_names_are_opened_without_a_look_at_what_is_installed() -> None:
    looks = (
        "import sys\n"
        "from runner.backends import registry\n"
        "assert registry.is_known('local') and registry.installed()\n"
        "assert registry.backend_entry('local')\n"
        "assert 'importlib.metadata' not in sys.modules\n"
        "assert all(registry.backend_entry(name) for name in registry.BACKENDS)\n"
        "assert registry._brought.cache_info().currsize == 0\n"
        "print(*(name for name in ('docker', 'kagglesdk', 'httpx') if name in sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", looks], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert answer.stdout.split() == [], "loading an entry imports none of what its backend stands on"
