"""Parts of environments behind a native library that pickle knows nothing of, and that give their state themselves."""

from __future__ import annotations

from typing import Any, NamedTuple

_STICKINESS = "repeat_action_probability"


class NativeStateError(Exception):
    """A part that does not tell all that its next step depends on."""


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
    """Its state as of a moment after which the next thing is a reset; it pickles."""
    methods = _KNOWN[_key(value)]
    return getattr(value, methods.take)(**methods.arguments)


def take_native_anywhere(value: Any) -> Any:
    """Its state in the middle of an episode.

    Raises:
        NativeStateError: it lacks something: a sticky action is the one before it, which ale-py tells nobody.
    """
    stickiness = value.getFloat(_STICKINESS)
    if stickiness > 0:
        raise NativeStateError(f"{_STICKINESS} is {stickiness:g}, and ale-py does not tell the action before")
    return take_native(value)


def put_back_native(value: Any, state: Any) -> None:
    """Put back what one of the two gave."""
    getattr(value, _KNOWN[_key(value)].put_back)(state)


def native_parts(layer: Any) -> dict[str, Any]:
    """Those among the attributes of a layer, by name."""
    return {name: value for name, value in vars(layer).items() if is_native(value)}


def _key(value: object) -> tuple[str, str]:
    kind = type(value)
    return kind.__module__.partition(".")[0], kind.__name__
