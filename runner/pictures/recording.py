"""Episodes of an agent as a video; runs in the agent's own process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from contract.errors import InputError, RelayError
from runner.acting.agent import load_agent
from runner.acting.order import VideoMade
from runner.acting.playing import Player
from runner.pictures.encoding import EncoderError, Gif, Mp4, agent_comment, mp4_encoder
from trainer.environments.failures import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from runner.acting.agent import Agent
    from runner.acting.order import Order, VideoOrder
    from runner.pictures.encoding import Video

NAME = "best_agent"
"""Of the file, without its ending."""
USUAL_FRAMES_A_SECOND = 30.0
"""Where an environment does not say how fast it is."""
_COLOURS = 3


def record(order: Order, task: VideoOrder) -> VideoMade:
    """Play episodes until there is enough to see, and make a file of them in the order's folder.

    Raises:
        RelayError: the environment draws nothing, or nothing here makes videos.
    """
    agent = load_agent(order, draws=True)
    try:
        speed = frames_a_second(agent)
        encoder, path, comment = mp4_encoder(), Path(order.output) / NAME, agent_comment(order.sha256)
        if encoder is None:
            return _recorded(agent, task, speed, lambda size: Gif(path, speed, size, comment))
        try:
            return _recorded(agent, task, speed, lambda size: Mp4(path, speed, size, comment, encoder))
        except EncoderError as error:
            note = f"it is a GIF, since {encoder} made no MP4: {error}"
            return _recorded(agent, task, speed, lambda size: Gif(path, speed, size, comment), note)
    finally:
        agent.venv.close()


def frames_a_second(agent: Agent) -> float:
    """How fast the environment is shown, by its metadata."""
    (metadata,) = agent.venv.get_attr("metadata")
    stated = metadata.get("render_fps") if isinstance(metadata, dict) else None
    return float(stated) if isinstance(stated, int | float) and stated > 0 else USUAL_FRAMES_A_SECOND


def _recorded(
    agent: Agent, task: VideoOrder, speed: float, begin: Callable[[tuple[int, int]], Video], *notes: str
) -> VideoMade:
    player, count, video = Player(agent), 0, None
    size = 0, 0
    try:
        for frame in _frames(agent, player, task, speed):
            if video is None:
                size = frame.shape[0], frame.shape[1]
                video = begin(size)
            _refuse_another_size(agent, frame, size)
            video.add(frame)
            count += 1
        assert video is not None  # noqa: S101 - the first frame comes before any step
        file = video.finish()
    except BaseException:
        if video is not None:
            video.abandon()
        raise
    rewards = tuple(each.reward for each in player.episodes)
    if not rewards:
        notes = (*notes, f"its episode is longer than the {task.most_seconds:g} s that a video has at most")
    height, width = size
    return VideoMade(
        file=file.name,
        width=width,
        height=height,
        frames=count,
        seconds=round(count / speed, 2),
        rewards=rewards,
        notes=notes,
    )


def _frames(agent: Agent, player: Player, task: VideoOrder, speed: float) -> Iterator[NDArray[np.uint8]]:
    """The pictures of whole episodes, until there is enough; of one that is too long its beginning."""
    for shown, moment in enumerate(player.moments()):
        is_over = len(player.episodes) >= task.most_episodes or shown >= task.enough_seconds * speed
        if (shown and moment.starts[0] and is_over) or shown >= task.most_seconds * speed:
            return
        yield _picture(agent)


def _refuse_another_size(agent: Agent, frame: NDArray[np.uint8], size: tuple[int, int]) -> None:
    if frame.shape[:2] != size:
        problem = f"its render() gives {_shape(frame)} after {size[1]} x {size[0]} pixels"
        raise InputError(f"environment {agent.job.env.id}", problem, "let all its pictures have one size")


def _picture(agent: Agent) -> NDArray[np.uint8]:
    """What the environment looks like now.

    Raises:
        InputError: it draws nothing, or something else than an RGB array.
    """
    subject = f"environment {agent.job.env.id}"
    try:
        drawn: Any = agent.venv.env_method("render")[0]
    except RelayError:
        raise
    except NotImplementedError:
        drawn = None
    except Exception as error:  # anything may come out of a user's environment
        problem = f"its render() fails: {in_words(error)}"
        raise InputError(subject, problem, "correct it, or install what it asks for") from error
    is_array = isinstance(drawn, np.ndarray) and drawn.dtype == np.uint8
    if not is_array or drawn.ndim != _COLOURS or drawn.shape[2] != _COLOURS:
        problem = f"draws no pictures: its render() gives {_shape(drawn)} for rgb_array"
        raise InputError(subject, problem, "let it give an array of uint8 with the shape (height, width, 3)")
    return np.ascontiguousarray(drawn)


def _shape(drawn: object) -> str:
    if isinstance(drawn, np.ndarray):
        return f"an array of {drawn.dtype} with the shape {drawn.shape}"
    return "nothing" if drawn is None else f"a {type(drawn).__name__}"
