"""Which changes of a job its checkpoint survives: pure functions over descriptions.

The rules stand in one table, `restore.compatibility_rules.RULES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from contract.differences import ABSENT, Difference, differences
from contract.identity import OPTIONAL_INPUTS
from restore.compatibility_rules import RULES, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping


class Verdict(msgspec.Struct, frozen=True):
    """What changed since a checkpoint was taken: what it does not survive, and what is recorded."""

    incompatible: tuple[Difference, ...]
    recorded: tuple[Difference, ...]


def compare(checkpoint: Mapping[str, Any], job: Mapping[str, Any]) -> Verdict:
    """Whether a checkpoint fits a job.

    Args:
        checkpoint: the fields of its record: `training`, `libraries`, `replay` where it has a replay
            buffer, and as far as `job` has them `observation_space`, `action_space` and `parameters`.
        job: the same fields as they would be now; a replay buffer is not made to be compared.

    A field of `job` that the checkpoint lacks is incompatible: what is not known to fit does not.
    """
    changes: list[Difference] = []
    for name, now in job.items():
        before = checkpoint.get(name, "(missing)")
        if name == "training":
            changes += differences(before, now)
        elif name == "libraries":
            changes += differences(before, now, name)
        elif name == "parameters":
            changes += differences(_as_lists(before), _as_lists(now), name)
        elif before != now:
            changes.append(Difference(name, _text(before), _text(now)))
    outcomes = [(change, _outcome(change, checkpoint)) for change in changes]
    return Verdict(
        incompatible=tuple(change for change, outcome in outcomes if outcome == "incompatible"),
        recorded=tuple(change for change, outcome in outcomes if outcome == "recorded"),
    )


def _outcome(change: Difference, checkpoint: Mapping[str, Any]) -> str:
    # Where a whole training input is on one side only, another version of kaggle-relay wrote the other.
    one_sided = "." not in change.path and ABSENT in (change.before, change.after)
    if one_sided and change.path not in OPTIONAL_INPUTS:
        return "incompatible"
    rule = find_rule(change, checkpoint)
    return rule.outcome if rule else "incompatible"


def find_rule(change: Difference, checkpoint: Mapping[str, Any]) -> Rule | None:
    """The rule that decides on a change; None where there is none, so that it is not known to fit.

    Nor is a whole block that is on one side only, or of another kind, where a rule names a field inside
    it as incompatible.
    """
    inside = f"{change.path}." if change.path else ""
    if any(rule.path.startswith(inside) and rule.outcome == "incompatible" for rule in RULES):
        return None
    applying = (rule for rule in RULES if rule.when is None or rule.when.holds(change, checkpoint))
    return next((rule for rule in applying if rule.covers(change.path)), None)


def _as_lists(parameters: Any) -> Any:
    return {name: list(shape) for name, shape in parameters.items()} if isinstance(parameters, dict) else parameters


def _text(description: Any) -> Any:
    return description.get("text", description) if isinstance(description, dict) else description
