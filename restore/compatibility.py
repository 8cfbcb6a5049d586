"""Which changes of a job its checkpoint survives: pure functions over descriptions.

The rules stand in one table; the first whose path is a prefix of a changed key decides. What no
rule names is compatible and recorded in the lineage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from trainer.differences import ABSENT, Difference, differences

if TYPE_CHECKING:
    from collections.abc import Mapping


class Rule(NamedTuple):
    """A part of a checkpoint's description whose change is incompatible, and why."""

    path: str
    why: str


RULES = (
    Rule("algorithm", "each algorithm keeps tensors of its own"),
    Rule("policy", "each policy class keeps tensors of its own"),
    Rule("hyperparameters.policy_kwargs", "the network's tensors follow from it"),
    Rule("hyperparameters.use_sde", "state-dependent exploration has tensors of its own"),
    Rule("env.wrapper", "the policy has learned from what the wrapper passes on"),
    Rule("observation_space", "the network's first layer fits the old one"),
    Rule("action_space", "the network's last layer fits the old one"),
    Rule("parameters", "the tensors have other shapes"),
    Rule("libraries.torch", "checkpoints are promised within a major version only"),
    Rule("libraries.stable-baselines3", "checkpoints are promised within a major version only"),
)


@dataclass(frozen=True)
class Verdict:
    """What changed since a checkpoint was taken: what it does not survive, and what is recorded."""

    incompatible: tuple[Difference, ...]
    recorded: tuple[Difference, ...]


def compare(checkpoint: Mapping[str, Any], job: Mapping[str, Any]) -> Verdict:
    """Whether a checkpoint fits a job.

    Args:
        checkpoint: the fields of its record: `training`, `libraries`, and as far as `job` has them
            `observation_space`, `action_space` and `parameters`.
        job: the same fields as they would be now.

    A field of `job` that the checkpoint lacks is incompatible: what is not known to fit does not.
    """
    changes: list[Difference] = []
    for name, now in job.items():
        before = checkpoint.get(name, "(missing)")
        if name == "training":
            changes += differences(before, now)
        elif name == "libraries":
            changes += differences(_majors(before), _majors(now), name)
        elif name == "parameters":
            changes += differences(_as_lists(before), _as_lists(now), name)
        elif before != now:
            changes.append(Difference(name, _text(before), _text(now)))
    incompatible = tuple(change for change in changes if rule_for(change.path) or _is_unknown(change))
    recorded = tuple(change for change in changes if change not in incompatible)
    return Verdict(incompatible, recorded)


def _is_unknown(change: Difference) -> bool:
    """Whether a whole training input is on one side only, since another version of kaggle-relay wrote the other."""
    return "." not in change.path and ABSENT in (change.before, change.after)


def rule_for(path: str) -> Rule | None:
    """The rule that makes a change of `path` incompatible, or None.

    Where a whole block is on one side only (`env`, or all of it, the empty path), what a rule names
    inside it is not known to fit either.
    """
    inside = f"{path}." if path else ""
    return next(
        (rule for rule in RULES if f"{path}.".startswith(f"{rule.path}.") or rule.path.startswith(inside)), None
    )


def _majors(libraries: Any) -> Any:
    if not isinstance(libraries, dict):
        return libraries
    named = {rule.path.removeprefix("libraries.") for rule in RULES if rule.path.startswith("libraries.")}
    return {name: str(version).split(".")[0] for name, version in libraries.items() if name in named}


def _as_lists(parameters: Any) -> Any:
    return {name: list(shape) for name, shape in parameters.items()} if isinstance(parameters, dict) else parameters


def _text(description: Any) -> Any:
    return description.get("text", description) if isinstance(description, dict) else description
