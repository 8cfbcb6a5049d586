"""The intersection as an image, drawn by pillow without a display from what an episode's state says."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from trainer.envs.traffic_light.network import (
    APPROACH_LANES,
    APPROACHES,
    CELLS,
    JAM_VEHICLES,
    LANES,
    LANES_PER_MOVEMENT,
    PHASES,
    SECONDS_PER_STEP,
    SERVED,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Colour = tuple[int, int, int]
    Point = tuple[float, float]

_SCALE: Final = 2
"""Everything is drawn that many times as large and made smaller then, which smooths its edges."""
_LANE, _CELL, _GAP, _EDGE, _CAPTION = 14, 17, 11, 30, 64
"""Pixels: a lane's width, a cell's length, stop line to crossing, the queue at an entry, the line below it all."""
_HALF_ROAD: Final = APPROACH_LANES * _LANE
_REACH: Final = _HALF_ROAD + _GAP + CELLS * _CELL + _EDGE
WIDTH: Final = 2 * _REACH
HEIGHT: Final = 2 * _REACH + _CAPTION

_GROUND, _ROAD, _PAPER, _INK, _FAINT = (38, 50, 44), (58, 62, 70), (22, 25, 31), (236, 239, 244), (138, 146, 160)
_MARKING, _CENTRE = (150, 156, 166), (214, 178, 84)
_GREEN, _AMBER, _RED = (72, 214, 128), (255, 190, 70), (235, 80, 82)
_FLOWING, _JAMMED = (112, 200, 255), (255, 120, 92)
_SMALLEST_SHOWN: Final = 0.04
"""Vehicles that are not drawn: the model's are real numbers."""


@dataclass(frozen=True)
class Scene:
    """What there is to see at one moment.

    Args:
        vehicles: per lane, shape (13, 8): the vertical queue, then the cells in the direction of travel.
        phase: the phase that is green, or becomes so after the yellow.
        is_changing: whether it is still to become green.
        second: of the episode.
        seconds: of the whole episode.
        mean_delay: seconds that each vehicle has stood so far, on average.
    """

    vehicles: NDArray[np.float64]
    phase: int
    is_changing: bool
    second: int
    seconds: int
    mean_delay: float

    @classmethod
    def of(cls, state: Mapping[str, Any], mean_delay: float) -> Scene:
        """The scene of an episode's state, as `EpisodeBatch.get_state` gives it for one intersection."""
        return cls(
            vehicles=state["vehicles"][:, 0],
            phase=int(state["phase"][0]),
            is_changing=bool(state["yellow_left"][0] > 0),
            second=state["clock"] * SECONDS_PER_STEP,
            seconds=len(state["arrivals"]) * SECONDS_PER_STEP,
            mean_delay=mean_delay,
        )


def draw(scene: Scene) -> NDArray[np.uint8]:
    """The scene as RGB, shape (HEIGHT, WIDTH, 3)."""
    image = _empty_roads().copy()
    _Drawing(image).scene(scene)
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.BOX))


@functools.cache
def _empty_roads() -> Image.Image:
    """What is the same at every moment."""
    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _GROUND)
    _Drawing(image).roads()
    return image


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, so that a picture is the same on every machine."""
    return ImageFont.load_default(size)


class _Drawing:
    """Draws in pixels of the finished image."""

    def __init__(self, image: Image.Image) -> None:
        self._draw = ImageDraw.Draw(image)

    def scene(self, scene: Scene) -> None:
        for index, approach in enumerate(APPROACHES):
            first_lane = APPROACH_LANES
            for movement, lanes in enumerate(LANES_PER_MOVEMENT):  # through and right outside, left at the centre
                group = index * len(LANES_PER_MOVEMENT) + movement
                first_lane -= lanes
                for lane in range(first_lane, first_lane + lanes):
                    self._vehicles(approach, lane, scene.vehicles[1:, group])
                self._signal(approach, first_lane, lanes, _light(scene, group))
            groups = slice(index * len(LANES_PER_MOVEMENT), (index + 1) * len(LANES_PER_MOVEMENT))
            self._waiting_to_enter(approach, float((scene.vehicles[0] * LANES)[groups].sum()))
        self._caption(scene)

    def roads(self) -> None:
        near, far, end = _REACH - _HALF_ROAD, _REACH + _HALF_ROAD, 2 * _REACH
        self._box((near - _GAP, near - _GAP, far + _GAP, far + _GAP), _ROAD, radius=_GAP)
        self._box((near, 0, far, end), _ROAD)
        self._box((0, near, end, far), _ROAD)
        for approach in APPROACHES:
            self._markings(approach)

    def _markings(self, approach: str) -> None:
        end = CELLS * _CELL + _EDGE
        self._bar(approach, (-_GAP * 0.2, end), (-0.7, 0.7), _CENTRE)
        for side in (-1, 1):
            self._bar(approach, (0, end), (side * _HALF_ROAD - 0.6, side * _HALF_ROAD + 0.6), _MARKING)
            for lane in range(1, APPROACH_LANES):
                for begin in range(0, end, _CELL):
                    at = side * lane * _LANE
                    self._bar(approach, (begin + 4, begin + 12), (at - 0.4, at + 0.4), _MARKING)

    def _vehicles(self, approach: str, lane: int, cells: NDArray[np.float64]) -> None:
        """The two vehicles that a cell has room for, each as visible as it is there."""
        slot = _CELL / JAM_VEHICLES
        for cell, content in enumerate(reversed(cells.tolist())):  # the last one lies at the stop line
            density = min(content / JAM_VEHICLES, 1.0)
            colour = _mixed(_FLOWING, _JAMMED, density)
            for place in range(int(JAM_VEHICLES)):
                share = min(max(content - place, 0.0), 1.0)
                if share < _SMALLEST_SHOWN:
                    continue
                begin = cell * _CELL + place * slot + 1
                across = (lane * _LANE + 3.5, (lane + 1) * _LANE - 3.5)
                self._bar(approach, (begin, begin + slot - 2), across, _mixed(_ROAD, colour, share), radius=2)

    def _signal(self, approach: str, first_lane: int, lanes: int, colour: Colour) -> None:
        across = (first_lane * _LANE + 1, (first_lane + lanes) * _LANE - 1)
        self._bar(approach, (-_GAP + 2.5, -2.5), across, _mixed(_ROAD, colour, 0.3), radius=2)
        self._bar(approach, (-_GAP + 4, -4), across, colour)

    def _waiting_to_enter(self, approach: str, vehicles: float) -> None:
        """How many vehicles have no room on the road yet."""
        if vehicles < 0.5:  # noqa: PLR2004 - what rounds to none
            return
        place = self._place(approach, CELLS * _CELL + _EDGE / 2, _HALF_ROAD / 2)
        self._text(place, f"+{vehicles:.0f}", 13, _JAMMED, "mm")

    def _caption(self, scene: Scene) -> None:
        top, left, right = 2 * _REACH, 22, WIDTH - 22
        self._box((0, top, WIDTH, HEIGHT), _PAPER)
        self._box((0, top, WIDTH * scene.second / max(scene.seconds, 1), top + 3), _FLOWING)
        self._text((left, top + 26), _clock(scene.second), 22, _INK, "lm")
        self._text((left, top + 47), f"of {_clock(scene.seconds)}", 12, _FAINT, "lm")
        colour, word = (_AMBER, "next") if scene.is_changing else (_GREEN, "green")
        middle = left + 92
        self._dot((middle + 5, top + 26), 5, colour)
        self._text((middle + 18, top + 26), PHASES[scene.phase], 15, _INK, "lm")
        self._text((middle + 18, top + 47), word, 12, _FAINT, "lm")
        there = float((scene.vehicles * LANES).sum())
        self._text((right, top + 26), f"{scene.mean_delay:.1f} s", 22, _INK, "rm")
        self._text((right, top + 47), f"waited on average, {there:.0f} vehicles here", 12, _FAINT, "rm")

    def _place(self, approach: str, before: float, right: float) -> Point:
        """A point `before` the stop line, and that far to the right of the road's middle in the direction of travel."""
        ahead = _HALF_ROAD + _GAP + before
        return {
            "north": (_REACH - right, _REACH - ahead),
            "east": (_REACH + ahead, _REACH - right),
            "south": (_REACH + right, _REACH + ahead),
            "west": (_REACH - ahead, _REACH + right),
        }[approach]

    def _bar(self, approach: str, before: Point, right: Point, colour: Colour, radius: float = 0) -> None:
        """A rectangle from the first to the second of each, in an approach's own directions."""
        (x0, y0), (x1, y1) = (self._place(approach, *each) for each in zip(before, right, strict=True))
        self._box((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), colour, radius)

    def _box(self, corners: tuple[float, float, float, float], colour: Colour, radius: float = 0) -> None:
        x0, y0, x1, y1 = (round(each * _SCALE) for each in corners)
        if x1 > x0 and y1 > y0:
            self._draw.rounded_rectangle((x0, y0, x1 - 1, y1 - 1), radius * _SCALE, fill=colour)

    def _dot(self, at: Point, radius: float, colour: Colour) -> None:
        self._draw.circle((at[0] * _SCALE, at[1] * _SCALE), radius * _SCALE, fill=colour)

    def _text(self, at: Point, text: str, size: int, colour: Colour, anchor: str) -> None:
        self._draw.text((at[0] * _SCALE, at[1] * _SCALE), text, colour, _font(size * _SCALE), anchor)


def _light(scene: Scene, group: int) -> Colour:
    if not SERVED[scene.phase, group]:
        return _RED
    return _AMBER if scene.is_changing else _GREEN


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two: `share` of the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"
