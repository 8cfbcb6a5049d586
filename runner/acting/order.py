"""What the process is told in which an agent acts, and what it tells."""

from __future__ import annotations

from typing import Any

import msgspec

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
    task: VideoOrder


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
