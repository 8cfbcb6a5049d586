"""The entry of an environment in one of the zoo's files."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from contract.errors import InputError
from runner.jobs.yaml_positions import read_yaml
from runner.jobs.zoo.conversion import ALGORITHMS_OF_ZOO, Conversion, convert

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES = 1 << 20
_ATARI = "atari"
"""The entry of all games, which the zoo takes where a game has none of its own."""


def read_entry(path: Path, environment: str) -> Conversion:
    """The entry of `environment` in a file, as a job.

    Raises:
        InputError: the file cannot be read, has no such entry, or that makes no job.
    """
    entries = _entries(path)
    entry = entries.get(environment)
    if entry is None and _is_atari(environment):
        entry = entries.get(_ATARI)
    if entry is None:
        nearest = difflib.get_close_matches(environment, entries, n=1)
        known = f"did you mean {nearest[0]}?" if nearest else f"it has {', '.join(list(entries)[:5])}, ..."
        raise InputError(path.name, f"has no entry {environment}", known)
    if not isinstance(entry, dict):
        raise InputError(path.name, f"has no lines of `key: value` under {environment}", "name another entry")
    return convert(entry, environment, _algorithm(path, entry))


def _entries(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})", "name a file of the zoo's") from None
    if len(content) > MAX_FILE_BYTES:
        raise InputError(str(path), f"is larger than {MAX_FILE_BYTES:,} bytes", "name a file of the zoo's")
    values = read_yaml(content, path.name).values
    if not isinstance(values, dict) or not values:
        raise InputError(path.name, "holds no entries", "name a file of the zoo's, such as hyperparams/ppo.yml")
    return values


def _is_atari(environment: str) -> bool:
    return environment.startswith("ALE/") or "NoFrameskip-v" in environment


def _algorithm(path: Path, entry: dict[str, Any]) -> str:
    """The one that the file is called after, or that the entry names as the zoo's hindsight replay does."""
    named = entry.get("model_class", path.stem)
    found = ALGORITHMS_OF_ZOO.get(str(named).lower())
    if found is None:
        known = ", ".join(f"{each}.yml" for each in sorted(ALGORITHMS_OF_ZOO))
        raise InputError(path.name, "is not named after an algorithm that a job can have", f"name it one of {known}")
    return found
