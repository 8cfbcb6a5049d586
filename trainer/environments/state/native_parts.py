"""Parts of environments behind a native library that pickle knows nothing of, and that give their state themselves."""

from __future__ import annotations

from typing import Any, NamedTuple


class _Methods(NamedTuple):
    take: str
    put_back: str
    arguments: dict[str, Any]


_KNOWN = {
    ("ale_py", "ALEInterface"): _Methods("cloneState", "restoreState", {"include_rng": True}),  # Atari's emulator
}
"""By the package of their class and its name, since it may be installed or not."""


def is_native(value: object) -> bool:
    """Whether it is such a part."""
    return _key(value) in _KNOWN


def take_native(value: Any) -> Any:
    """Its state, which pickles."""
    methods = _KNOWN[_key(value)]
    return getattr(value, methods.take)(**methods.arguments)


def put_back_native(value: Any, state: Any) -> None:
    """Put back what `take_native` gave."""
    getattr(value, _KNOWN[_key(value)].put_back)(state)


def _key(value: object) -> tuple[str, str]:
    kind = type(value)
    return kind.__module__.partition(".")[0], kind.__name__
