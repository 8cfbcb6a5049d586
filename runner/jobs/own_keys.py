"""Keys of a job in jobs.yaml that are neither a session's nor a backend's: they stay with the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DATA = "data"
"""The folders of this machine that stand for data of Kaggle's."""
KEEP = "keep"
"""Which checkpoints `doit gc` leaves: what is kept decides nothing of what is trained, so that it is in no package."""
NOTIFY = "notify"
"""Who is told of the job. An address may be a secret, so that it is in no package."""
GROUP = "group"
"""What jobs that are one experiment have in common, such as those that differ in their seed: a report compares them."""
PRIORITY = "priority"
"""Which of several jobs begins its session first, where not all can."""
OF_COMMANDS = (GROUP, KEEP, NOTIFY, PRIORITY)
"""Those that no session is packaged with, whatever they say."""
KINDS = ("datasets", "competitions", "models")
"""The lists below `kaggle` of what a job mounts there."""


def unlisted(values: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The names below `data` that a job does not mount, each with those that it does; `values` may be anything."""
    folders, section = values.get(DATA), values.get("kaggle")
    lists = [section.get(kind) for kind in KINDS] if isinstance(section, dict) else []
    known = [str(name) for names in lists if isinstance(names, list) for name in names]
    for name in folders if isinstance(folders, dict) else ():
        if name not in known:
            yield str(name), known


def to_list(known: Sequence[str]) -> str:
    """What to do with a name below `data` that the job does not mount."""
    return f"list it under kaggle: {', '.join(KINDS)} (there are {', '.join(known) or 'none'}), or remove the line"
