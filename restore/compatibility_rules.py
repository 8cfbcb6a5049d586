"""The one table of what a change means for a checkpoint: every field of a job, and what a record is compared by.

Three verdicts. `incompatible`: the checkpoint does not survive it, and the job is refused before
anything is spent. `recorded`: the run goes on, and the change is noted in the lineage; from there
on it is not the run that was begun, so it is no longer exact. `free`: no weight depends on it.

`docs/resume.md` shows this table; `python -m restore.compatibility_table docs/resume.md` renews it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from contract.differences import ABSENT, Difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Outcome = Literal["incompatible", "recorded", "free"]

_BELOW = ".*"
_LEARNS_ENTROPY = frozenset({"SAC", "TQC", "CrossQ"})
"""Their `ent_coef` is `auto` where a job does not set it."""


class Condition(NamedTuple):
    """When a rule applies.

    Args:
        text: in words, to follow the field.
        holds: whether it does, for a change and the checkpoint's description.
    """

    text: str
    holds: Callable[[Difference, Mapping[str, Any]], bool]


class Rule(NamedTuple):
    """What a change of a field means.

    Args:
        path: the field; the rule covers it and all below it, and with `.*` at its end only what is below.
        outcome: the verdict.
        why: the reason, in half a sentence.
        when: what must hold beside; None for always.
    """

    path: str
    outcome: Outcome
    why: str
    when: Condition | None = None

    def covers(self, path: str) -> bool:
        """Whether a change of `path` is this rule's."""
        whole = self.path.removesuffix(_BELOW)
        return path.startswith(f"{whole}.") or path == self.path


def _has_replay(_change: Difference, checkpoint: Mapping[str, Any]) -> bool:
    return checkpoint.get("replay") is not None


def _has_other_major(change: Difference, _checkpoint: Mapping[str, Any]) -> bool:
    before, after = (str(version).split(".")[0] for version in (change.before, change.after))
    return before != after


def _both_have_other_majors(change: Difference, checkpoint: Mapping[str, Any]) -> bool:
    return ABSENT not in (change.before, change.after) and _has_other_major(change, checkpoint)


def _begins_or_ends_learning_entropy(change: Difference, checkpoint: Mapping[str, Any]) -> bool:
    training = checkpoint.get("training")
    algorithm = training.get("algorithm") if isinstance(training, dict) else None
    by_default = algorithm in _LEARNS_ENTROPY

    def is_learned(value: object) -> bool:
        return by_default if value in (ABSENT, None) else isinstance(value, str)

    return is_learned(change.before) != is_learned(change.after)


_WITH_REPLAY = Condition("with a replay buffer", _has_replay)
_OTHER_MAJOR = Condition("another major version", _has_other_major)
_OTHER_MAJOR_OF_BOTH = Condition("another major version where both have it", _both_have_other_majors)
_AUTO_OR_FIXED = Condition("between `auto` and a number", _begins_or_ends_learning_entropy)

RULES = (
    # What the job is.
    Rule("name", "incompatible", "another name is another job, with sessions of its own"),
    Rule("algorithm", "incompatible", "each algorithm keeps tensors of its own"),
    Rule("policy", "incompatible", "each policy class keeps tensors of its own"),
    # Its environments.
    Rule("env.id", "recorded", "other dynamics; episodes start anew, and the spaces are compared by themselves"),
    Rule("env.kwargs", "recorded", "other dynamics; episodes start anew, and the spaces are compared by themselves"),
    Rule("env.n_envs", "incompatible", "its rows have one column for each environment", _WITH_REPLAY),
    Rule("env.n_envs", "recorded", "other batches; episodes start anew"),
    Rule("env.vectorization", "recorded", "other generators draw the numbers; episodes start anew"),
    Rule("env.wrapper", "incompatible", "the policy has learned from what the wrapper passes on"),
    Rule("env.wrapper_kwargs.norm_obs", "incompatible", "the policy has learned from what the wrapper passes on"),
    Rule("env.wrapper_kwargs", "recorded", "other scales and bounds; running statistics are kept, episodes start anew"),
    Rule("env.frame_stack", "incompatible", "the network's first layer fits as many frames as it has seen"),
    Rule("env.wrappers", "recorded", "other dynamics; episodes start anew, and the spaces are compared by themselves"),
    Rule("env.vec_wrappers", "incompatible", "the policy has learned from what they pass on"),
    Rule("env.check", "free", "looks at what environments give, and changes nothing of it"),
    # Its hyperparameters.
    Rule("hyperparameters.policy_kwargs", "incompatible", "the network's tensors and its optimizer follow from it"),
    Rule("hyperparameters.use_sde", "incompatible", "state-dependent exploration has tensors of its own"),
    Rule("hyperparameters.use_rms_prop", "incompatible", "each optimizer keeps a state of its own"),
    Rule("hyperparameters.ent_coef", "incompatible", "a learned one has a tensor and an optimizer", _AUTO_OR_FIXED),
    Rule("hyperparameters.buffer_size", "incompatible", "the replay buffer's rows stand where the old size puts them"),
    Rule("hyperparameters.replay_buffer_class", "incompatible", "each class of replay buffer keeps arrays of its own"),
    Rule("hyperparameters.replay_buffer_kwargs", "incompatible", "what is in the replay buffer follows from it"),
    Rule("hyperparameters.optimize_memory_usage", "incompatible", "the replay buffer's arrays follow from it"),
    Rule("hyperparameters.n_steps", "incompatible", "the class of the replay buffer follows from it", _WITH_REPLAY),
    Rule("hyperparameters.*", "recorded", "no tensor's name or shape follows from it: only what is learned next does"),
    # How it computes.
    Rule("seed", "recorded", "generators are restored, so it acts where something is seeded anew"),
    Rule("device", "recorded", "another device rounds otherwise"),
    Rule("deterministic", "recorded", "a GPU adds in another order"),
    Rule("threads", "recorded", "sums are rounded in another order"),
    Rule("callbacks", "recorded", "what watches the training may change it; a new one begins where it is added"),
    Rule("sources", "recorded", "what they mean is compared, file by file: other code may compute otherwise"),
    Rule("packages", "recorded", "other versions may compute otherwise"),
    # How long, how often, where and how judged.
    Rule("total_timesteps", "free", "the goal may move; only a schedule that ends at it takes a new line"),
    Rule("max_sessions", "free", "counts sessions"),
    Rule("session_limit", "free", "cuts the run elsewhere, and a cut changes nothing"),
    Rule("patience", "free", "says when a session counts as hung"),
    Rule("trial_limit", "free", "says how long the trial before a session may take"),
    Rule("save_freq", "free", "a save changes nothing"),
    Rule("eval.frequency", "free", "an evaluation has environments of its own"),
    Rule("eval.episodes", "free", "an evaluation has environments of its own"),
    Rule("backend", "free", "the same session elsewhere"),
    Rule("notify", "free", "says who is told, and no session knows it"),
    Rule("group", "free", "says what the job is compared with, and no session knows it"),
    Rule("priority", "free", "says which job begins first where not all can, and no session knows it"),
    Rule("keep.*", "free", "says which checkpoints stay on the disk, and no session knows it"),
    Rule("internet", "free", "says what a session may reach, not what it learns"),
    Rule("data", "free", "says where on this machine lies what a session mounts"),
    Rule("validation.max_checkpoint_bytes", "free", "judges what is there"),
    Rule("validation.max_replay_bytes", "free", "judges what is there"),
    Rule("validation.max_artifact_files", "free", "judges what is there"),
    Rule(
        "kaggle.*", "free", "the same session on another machine there; the versions in it are compared by themselves"
    ),
    Rule("docker.*", "free", "the same session in another container; the versions in it are compared by themselves"),
    Rule("slurm.*", "free", "the same session on another node; the versions there are compared by themselves"),
    # What a checkpoint's record states beside the job.
    Rule("observation_space", "incompatible", "the network's first layer fits the old one"),
    Rule("action_space", "incompatible", "the network's last layer fits the old one"),
    Rule("parameters", "incompatible", "the tensors have other names or shapes"),
    Rule("libraries.torch", "incompatible", "tensors are promised within a major version only", _OTHER_MAJOR),
    Rule("libraries.stable-baselines3", "incompatible", "so are its algorithms' states", _OTHER_MAJOR),
    Rule("libraries.sb3-contrib", "incompatible", "so are its algorithms' states", _OTHER_MAJOR_OF_BOTH),
    Rule("libraries.*", "recorded", "other versions may compute otherwise"),
)
"""The first rule that covers a field and whose condition holds decides; a field without a rule is incompatible."""
