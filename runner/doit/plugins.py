"""doit's plug-ins of one kind: those known, and installed ones where another is named.

doit looks through all installed distributions for plug-ins of each kind, ten milliseconds each time, whatever is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _collections_abc import dict_items, dict_keys, dict_values
    from collections.abc import Callable, Iterator, Mapping


class Plugins(dict[str, Any]):
    """What is known by name; asked for anything else, or for all, it looks among the installed distributions.

    Args:
        known: by name.
        find: gives the installed ones by name, which go before the known ones; called once at most.
    """

    def __init__(self, known: Mapping[str, Any], find: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__(known)
        self._find: Callable[[], Mapping[str, Any]] | None = find

    def __bool__(self) -> bool:
        return True  # doit takes what is empty for no choice at all

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or dict.__contains__(self._whole(), name)

    def __missing__(self, name: str) -> Any:
        if not dict.__contains__(self._whole(), name):
            raise KeyError(name)
        return dict.__getitem__(self, name)

    def __iter__(self) -> Iterator[str]:
        self._whole()
        return super().__iter__()

    def keys(self) -> dict_keys[str, Any]:
        """All names."""
        return dict.keys(self._whole())

    def values(self) -> dict_values[str, Any]:
        """All plug-ins."""
        return dict.values(self._whole())

    def items(self) -> dict_items[str, Any]:
        """All plug-ins by name."""
        return dict.items(self._whole())

    def _whole(self) -> Plugins:
        if self._find is not None:
            find, self._find = self._find, None
            self.update(find())
        return self
