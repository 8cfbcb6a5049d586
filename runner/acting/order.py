"""What the process is told in which an agent acts, and what it tells."""

from __future__ import annotations

from typing import Any

import msgspec

ONNX_FILE, STATISTICS_FILE = "model.onnx", "normalization.json"
"""What an export writes into its output: the policy, and the running statistics of VecNormalize."""
MADE, REFUSED = "made", "refused"
"""The events of that process: what came of it, why nothing did."""


class VideoOrder(msgspec.Struct, frozen=True, kw_only=True, tag="video"):
    """Record episodes.

    Args:
        enough_seconds: of video, after which no further episode begins.
        most_seconds: of video; a longer episode is cut.
        most_episodes: however short they are.
    """

    enough_seconds: float = 10.0
    most_seconds: float = 60.0
    most_episodes: int = 10


class ExportOrder(msgspec.Struct, frozen=True, kw_only=True, tag="export"):
    """Write the policy as ONNX, and measure it.

    Args:
        episodes: to measure it by.
        most_steps: of all of them together, after which what has ended counts.
    """

    episodes: int = 10
    most_steps: int = 100_000


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with which model.

    Args:
        job: what a model is made by, as JSON: the part of the job that it was trained by.
        model: the path of the file.
        sha256: that it must have.
        output: the folder for what is made.
        task: what to make.
    """

    job: dict[str, Any]
    model: str
    sha256: str
    output: str
    task: VideoOrder | ExportOrder


class VideoMade(msgspec.Struct, frozen=True, kw_only=True):
    """A video.

    Args:
        file: its name in the output.
        width, height: in pixels.
        frames: how many.
        seconds: how long.
        rewards: of the episodes that ended in it.
        notes: what else is to be known, a sentence each.
    """

    file: str
    width: int
    height: int
    frames: int
    seconds: float
    rewards: tuple[float, ...]
    notes: tuple[str, ...] = ()


class OnnxMade(msgspec.Struct, frozen=True, kw_only=True):
    """A policy as ONNX.

    Args:
        inputs, outputs: what it takes and gives, as `name: type[shape]`.
        compared: observations on which onnxruntime gave what torch gives.
        largest_difference: among their actions.
        folds_normalization: whether it takes observations as they are before VecNormalize.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    compared: int
    largest_difference: float
    folds_normalization: bool


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed on of a policy.

    Args:
        rewards: of the episodes that it was measured by; their number may be lower than what was asked for.
        lengths: of the same episodes, in steps.
        seed: of the first of them.
        onnx: the policy as ONNX, or why there is none.
        has_statistics: whether there are running statistics of VecNormalize.
        libraries: versions by distribution name.
    """

    rewards: tuple[float, ...]
    lengths: tuple[int, ...]
    seed: int
    onnx: OnnxMade | str
    has_statistics: bool
    libraries: dict[str, str]
