"""doit's plug-ins are looked for only where one is asked for that is not known."""

from __future__ import annotations

import pytest

from runner.doit.plugins import Plugins


@pytest.fixture
def searches() -> list[str]:
    return []


@pytest.fixture
def plugins(searches: list[str]) -> Plugins:
    def find() -> dict[str, str]:
        searches.append("looked")
        return {"console": "doit's", "fancy": "installed"}

    return Plugins({"relay": "ours"}, find)


def test_what_is_known_is_given_without_a_search(plugins: Plugins, searches: list[str]) -> None:
    assert "relay" in plugins
    assert plugins["relay"] == "ours"
    assert searches == []


def test_anything_else_is_looked_for_once(plugins: Plugins, searches: list[str]) -> None:
    assert "fancy" in plugins
    assert plugins["fancy"] == "installed"
    assert "nothing" not in plugins
    with pytest.raises(KeyError, match="nothing"):
        plugins["nothing"]
    assert searches == ["looked"]


def test_a_listing_has_all_of_them(plugins: Plugins) -> None:
    assert sorted(plugins) == ["console", "fancy", "relay"]
    assert dict(plugins.items()) == {"relay": "ours", "console": "doit's", "fancy": "installed"}
    assert list(plugins.values()) == ["ours", "doit's", "installed"]
    assert len(plugins.keys()) == 3


def test_they_count_as_something_before_any_is_found() -> None:
    assert Plugins({}, dict)
