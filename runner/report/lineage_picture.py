"""Where each session stands in the picture of a lineage: a row each, from left to right its timesteps."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.report.values import End, SessionRow

ROW_HEIGHT = 38
BAR_TOP, BAR_HEIGHT = 20, 9
_WHOLE = 100.0
_LEAST_WIDTH = 0.6


class Bar(NamedTuple):
    """A session.

    Args:
        number: the session's.
        top: of its row, in pixels.
        left: where it began, in percent of the width.
        kept: how wide that is which the training went on from.
        dropped: how wide that is, behind it, which was done again or given up.
        label: what is written above it.
        end: how it is drawn.
        is_kept: whether anything of it was kept.
        has_refusals: whether checkpoints of it were refused.
        story: all that is known, for whoever points at it.
    """

    number: int
    top: int
    left: float
    kept: float
    dropped: float
    label: str
    end: End
    is_kept: bool
    has_refusals: bool
    story: str

    @property
    def bar_top(self) -> int:
        """Of the bar itself, below the label."""
        return self.top + BAR_TOP

    @property
    def right(self) -> float:
        """Where it ends, in percent."""
        return self.left + self.kept + self.dropped


class Link(NamedTuple):
    """A checkpoint that was handed on: a line down from the session that made it; `is_kept` as in `Bar`."""

    left: float
    top: int
    bottom: int
    is_kept: bool


class LineagePicture(NamedTuple):
    """All sessions of a lineage.

    Args:
        height: in pixels.
        bars: oldest first.
        links: likewise.
        goal: where the goal lies, in percent.
    """

    height: int
    bars: tuple[Bar, ...]
    links: tuple[Link, ...]
    goal: float


def picture_lineage(sessions: Sequence[SessionRow]) -> LineagePicture:
    """The picture of a lineage."""
    goal = max((each.goal for each in sessions), default=0)
    width = max([goal, *(each.reached or each.begins for each in sessions)], default=0) or 1
    rows = {each.number: index for index, each in enumerate(sessions)}
    newest = sessions[-1].number if sessions else 0
    bars = tuple(_bar(each, index, width, newest) for index, each in enumerate(sessions))
    links = tuple(
        Link(
            _percent(each.begins, width),
            rows[each.parent] * ROW_HEIGHT + BAR_TOP + BAR_HEIGHT,
            index * ROW_HEIGHT + BAR_TOP,
            each.kept_to is not None,
        )
        for index, each in enumerate(sessions)
        if each.parent in rows
    )
    return LineagePicture(len(bars) * ROW_HEIGHT + 4, bars, links, _percent(goal, width))


def _bar(session: SessionRow, row: int, width: int, newest: int) -> Bar:
    reached = session.reached if session.reached is not None else session.begins
    kept_to = session.kept_to if session.kept_to is not None else session.begins
    kept = _percent(max(0, kept_to - session.begins), width)
    dropped = _percent(max(0, reached - max(kept_to, session.begins)), width)
    if kept + dropped < _LEAST_WIDTH:
        dropped = _LEAST_WIDTH - kept if session.kept_to is None else 0.0
        kept = _LEAST_WIDTH - dropped
    left = min(_percent(session.begins, width), _WHOLE - kept - dropped)
    is_kept = session.kept_to is not None
    return Bar(
        number=session.number,
        top=row * ROW_HEIGHT,
        left=left,
        kept=kept,
        dropped=dropped,
        label=_label(session, newest),
        end=session.end,
        is_kept=is_kept,
        has_refusals=bool(session.refused),
        story="\n".join(filter(None, [_story(session), session.reason, *session.refused])),
    )


def _label(session: SessionRow, newest: int) -> str:
    course = f"{session.begins:,} → {session.reached:,}" if session.reached is not None else f"from {session.begins:,}"
    marks = (
        ["done again"] if session.kept_to is None and session.reached is not None and session.number < newest else []
    )
    return " · ".join([f"{session.number:04d}", course, session.words, *marks])


def _story(session: SessionRow) -> str:
    if session.parent is None:
        return f"session {session.number:04d} began at {session.begins:,} timesteps"
    return f"session {session.number:04d} went on from session {session.parent:04d} at {session.begins:,} timesteps"


def _percent(part: float, whole: float) -> float:
    return round(part / whole * _WHOLE, 3)
