"""What a tracker is told of a job beside its curve."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from contract.storage import files
from runner.jobs.own_keys import OF_COMMANDS
from runner.lineage import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.curve.chain import Link
    from runner.lineage import Lineage

PROJECT = "kaggle-relay"
"""What runs are filed under where neither the job's group nor the tracker's own settings name anything."""
_DIGITS = 32
_TAG = "kaggle_relay"


def identity(lineage: Lineage) -> str:
    """What tells a lineage from every other one, wherever the project lies: the same each time.

    Raises:
        RelayError: the document of its first session is damaged.
    """
    first = next((each for each in lineage.sessions if each.folder.package_json.exists()), None)
    stated = [lineage.job, lineage.generation, first.package.key if first else ""]
    return files.sha256_of_value(stated)[:_DIGITS]


def parameters(links: tuple[Link, ...]) -> dict[str, str]:
    """The job as its newest session was packaged, flat; what belongs to the commands is in no package."""
    newest = next((each.session for each in reversed(links) if each.session.folder.package_json.exists()), None)
    if newest is None:
        return {}
    return dict(flat({name: value for name, value in newest.package.job.items() if name not in OF_COMMANDS}))


def flat(values: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, str]]:
    """`env.id` and so on, each with its value as text; a list is one value, and what is not set is left out."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{under}{name}.")
        elif value is not None:
            yield f"{under}{name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def tags(lineage: Lineage, links: tuple[Link, ...], part: int) -> dict[str, str]:
    """Which lineage it is, where it ran, and whether it is what it would be without interruptions.

    Raises:
        RelayError: a document of a session is damaged.
    """
    backends, reasons, is_exact = set[str](), dict[str, None](), True
    for each in links:
        if each.session.folder.ledger_json.exists():
            backends.add(each.session.ledger.backend)
        checkpoint = each.session.restored.checkpoint if each.session.phase is Phase.RESTORED else None
        if checkpoint is not None:
            is_exact = is_exact and checkpoint.resume.exact
            reasons |= dict.fromkeys(checkpoint.resume.reasons)
    return {
        f"{_TAG}.lineage": str(lineage.generation),
        f"{_TAG}.part": str(part),
        f"{_TAG}.backend": ", ".join(sorted(backends)),
        f"{_TAG}.resume": "exact" if is_exact else f"approximate: {'; '.join(reasons)}",
        f"{_TAG}.sessions": str(len(links)),
    }
