"""Which of Kaggle's images the sessions of this project's account run in, as far as it was seen.

`doit calibrate backend=kaggle` notes the Python, the versions and the image of a session without a GPU; of each job
the backend notes the image of its first session.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import kaggle_list

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTES = ("runs", ".backends", "kaggle")
UNKNOWN = "Which image your account runs is not known here: `doit calibrate backend=kaggle` finds out."


def told(project: Path, folder: Path) -> Iterator[str]:
    """Sentences about the account that a project was calibrated with.

    Args:
        project: the project's folder.
        folder: where the lists lie.
    """
    notes = project.joinpath(*NOTES)
    facts = _read(notes / "facts.json")
    python = facts.get("python")
    if python:
        name = kaggle_list.name_for(python)
        listed = kaggle_list.read(folder / kaggle_list.LISTS[name])
        differing = kaggle_list.differences(listed, {"python": python, **(facts.get("versions") or {})})
        agrees = f"but for {', '.join(differing)}" if differing else "in all that was asked"
        yield f"Your account ran Python {python} in {facts.get('image') or 'an image without a name'}."
        yield f"It is that of {kaggle_list.LISTS[name]}, {agrees}."
    images = {kaggle_list.image_of(folder / name): name for name in kaggle_list.LISTS.values()}
    for path in sorted(notes.glob("kernels/*.json")):
        if image := _read(path).get("image"):
            yield f"The sessions of {path.stem} run in {image}: {images.get(image, 'of which there is no list')}."
    if not python:
        yield UNKNOWN


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
