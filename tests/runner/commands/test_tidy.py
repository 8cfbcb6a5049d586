"""`doit gc` leaves alone what a session may need, and removes nothing unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.emulated import USER, emulated
from tests.project import Project, cart_pole

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_nothing_is_removed_from_kaggle_unasked(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write_jobs(cart=cart_pole(backend="kaggle", kaggle={"accelerator": "none"}))
    with emulated(tmp_path / "kaggle") as server:
        server.reached_by_commands(monkeypatch)
        with server.client() as api:
            api.dataset_create_new(str(server.dataset({"a.bin": b"1"}, "relay-cart-input")), quiet=True)
        said = project.doit("gc")
        assert "gc  dataset relay-cart-input: 1 B in its latest version" in said
        assert "gc  nothing was removed from Kaggle; `doit gc backend=kaggle apply=yes` removes it" in said
        assert server.running.emulator.datasets.find(USER, "relay-cart-input") is not None
        assert "gc  dataset relay-cart-input was removed" in project.doit("gc", "--apply")
        assert server.running.emulator.datasets.find(USER, "relay-cart-input") is None
    assert project.doit("gc", "backend=local") == "gc  cart: nothing of it can go\n"
