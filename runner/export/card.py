"""The model card: what an agent is, how good it is, and how it is used, in the form of Hugging Face's hub."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from runner.acting.order import ONNX_FILE, STATISTICS_FILE

if TYPE_CHECKING:
    from runner.acting.order import Exported

ALGORITHMS_OF_CONTRIB = frozenset({"RecurrentPPO", "MaskablePPO", "QRDQN", "TQC", "TRPO", "ARS", "CrossQ"})
RESULTS, JOB, VERSIONS, CARD = "results.json", "job.yaml", "versions.json", "README.md"


@dataclass(frozen=True)
class Handed:
    """What is handed on.

    Args:
        job: the job's name.
        environment: its id, as gymnasium knows it.
        module: that must be imported for it; None where it is gymnasium's own.
        algorithm: by name.
        is_best: whether it is the best of the evaluations.
        timesteps: that it has learned for.
        sessions: that it took.
        exact: whether all of them together are the same as one without an interruption, and if not, why.
        yaml: the job, as jobs.yaml states it.
        model: the name of the file that Stable-Baselines3 loads.
        video: the name of the video, if there is one.
        versions: that it was trained with, by distribution name.
        made: what its process found.
    """

    job: str
    environment: str
    module: str | None
    algorithm: str
    is_best: bool
    timesteps: int
    sessions: int
    exact: str
    yaml: str
    model: str
    video: str | None
    versions: dict[str, str]
    made: Exported

    @property
    def mean_reward(self) -> float:
        """Of the episodes that it was measured by."""
        return statistics.fmean(self.made.rewards)

    @property
    def std_reward(self) -> float:
        """As NumPy and the hub's own tools count it: of these episodes, not of all that there may be."""
        return statistics.pstdev(self.made.rewards)


def card(handed: Handed) -> str:
    """The text of README.md: a head of YAML, and what people read."""
    head = yaml.safe_dump(_head(handed), sort_keys=False, allow_unicode=True)
    parts = [_what(handed), _how_good(handed), _in_onnx(handed), _in_torch(handed), _training(handed), _files(handed)]
    return f"---\n{head}---\n\n" + "\n\n".join(parts) + "\n"


def _head(handed: Handed) -> dict[str, Any]:
    tags = [handed.environment, "deep-reinforcement-learning", "reinforcement-learning", "stable-baselines3"]
    tags += ["onnx"] if not isinstance(handed.made.onnx, str) else []
    head: dict[str, Any] = {"library_name": "stable-baselines3", "tags": tags}
    if handed.made.rewards:
        value = f"{handed.mean_reward:.2f} +/- {handed.std_reward:.2f}"
        result = {
            "task": {"type": "reinforcement-learning", "name": "reinforcement-learning"},
            "dataset": {"name": handed.environment, "type": handed.environment},
            "metrics": [{"type": "mean_reward", "value": value, "name": "mean_reward", "verified": False}],
        }
        head["model-index"] = [{"name": handed.algorithm, "results": [result]}]
    return head


def _what(handed: Handed) -> str:
    which = "the best of its evaluations" if handed.is_best else "its newest checkpoint"
    text = (
        f"# **{handed.algorithm}** agent playing **{handed.environment}**\n\n"
        f"It was trained for {handed.timesteps:,} timesteps with Stable-Baselines3, in {handed.sessions} session(s) of "
        f"kaggle-relay's job `{handed.job}` ({handed.exact}). It is {which}."
    )
    if handed.video is None:
        return text
    shown = (
        f"![the agent plays]({handed.video})" if handed.video.endswith(".gif") else f"[The agent plays]({handed.video})"
    )
    return f"{text}\n\n{shown}"


def _how_good(handed: Handed) -> str:
    made = handed.made
    if not made.rewards:
        return "## Evaluation\n\nIts episodes do not end by themselves, so none was measured."
    columns = {
        "mean reward": f"{handed.mean_reward:,.2f}",
        "standard deviation": f"{handed.std_reward:,.2f}",
        "episodes": str(len(made.rewards)),
        "mean length": f"{statistics.fmean(made.lengths):,.1f} steps",
        "first seed": str(made.seed),
    }
    table = "\n".join(f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), columns.values()))
    told = "Its actions were deterministic, its rewards are those of the environment, unscaled."
    return f"## Evaluation\n\n{table}\n\n{told}"


_ONNX = """## ONNX

`{file}` is the deterministic policy, for onnxruntime and whatever else reads ONNX.

| | |
|---|---|
{rows}

Observations are {observations}; wrappers of the job around single environments, stacked frames and images with their
channels first come before it. Actions are those that the environment takes; where its `Discrete` space has a `start`,
add it. On {compared} observations of the evaluation onnxruntime acted as torch does, to within {difference:.1g}."""

_ONNX_CODE = """

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{file}")
action = session.run(["action"], {{"observation": observation[np.newaxis]}})[0][0]
```"""

_ONNX_RECURRENT = """

`hidden` and `cell` begin as zeros; give back `next_hidden` and `next_cell` each time, and 1 as `episode_start` where an
episode begins."""


def _in_onnx(handed: Handed) -> str:
    onnx = handed.made.onnx
    if isinstance(onnx, str):
        return f"## ONNX\n\nThere is no ONNX file: {onnx}."
    rows = [*(f"| takes | `{each}` |" for each in onnx.inputs), *(f"| gives | `{each}` |" for each in onnx.outputs)]
    observations = "as the environment gives them"
    if onnx.folds_normalization:
        observations = "as they are before VecNormalize, whose running statistics are part of the file"
    elif handed.made.has_statistics:
        observations = f"as VecNormalize and what follows it give them, by the statistics in `{STATISTICS_FILE}`"
    text = _ONNX.format(
        file=ONNX_FILE,
        rows="\n".join(rows),
        observations=observations,
        compared=onnx.compared,
        difference=onnx.largest_difference,
    )
    if len(onnx.inputs) == 1:
        return text + _ONNX_CODE.format(file=ONNX_FILE)
    return text + (_ONNX_RECURRENT if any(each.startswith("hidden:") for each in onnx.inputs) else "")


def _in_torch(handed: Handed) -> str:
    library = "sb3_contrib" if handed.algorithm in ALGORITHMS_OF_CONTRIB else "stable_baselines3"
    text = (
        f"## Stable-Baselines3\n\n```python\nfrom {library} import {handed.algorithm}\n\n"
        f'model = {handed.algorithm}.load("{handed.model}")\n'
        "action, _ = model.predict(observation, deterministic=True)\n```\n\n"
        "Loading unpickles parts of the file: do so if you trust whom you have it from."
    )
    if handed.module is not None:
        text += f" Its environment comes from `{handed.module}`, which must be importable."
    if handed.made.has_statistics:
        text += f" Scale observations by `{STATISTICS_FILE}` first, as VecNormalize does."
    return text


def _training(handed: Handed) -> str:
    versions = "\n".join(f"| {name} | {version} |" for name, version in sorted(handed.versions.items()))
    return f"## Training\n\n```yaml\n{handed.yaml}```\n\n| library | version |\n|---|---|\n{versions}"


def _files(handed: Handed) -> str:
    rows = {
        handed.model: "the model, as Stable-Baselines3 loads it",
        JOB: "the job: environment, algorithm, hyperparameters",
        RESULTS: "the evaluation",
        VERSIONS: "libraries of the training and of this export",
    }
    if not isinstance(handed.made.onnx, str):
        rows[ONNX_FILE] = "the policy as ONNX"
    if handed.made.has_statistics:
        rows[STATISTICS_FILE] = "the running statistics of VecNormalize"
    if handed.video is not None:
        rows[handed.video] = "some episodes"
    return "## Files\n\n| file | |\n|---|---|\n" + "\n".join(f"| `{name}` | {text} |" for name, text in rows.items())
