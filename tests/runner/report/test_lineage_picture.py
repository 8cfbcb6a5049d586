"""Where each session stands in the picture of a lineage."""

from __future__ import annotations

import pytest

from runner.report.lineage_picture import BAR_HEIGHT, BAR_TOP, ROW_HEIGHT, LineagePicture, picture_lineage
from runner.report.values import End
from tests.runner.report.examples import session


def course(picture: LineagePicture) -> list[tuple[float, float, float]]:
    return [(bar.left, bar.kept, bar.dropped) for bar in picture.bars]


def test_a_session_that_went_on_stands_below_its_parent_where_that_ended() -> None:
    first = session(1, 0, None, goal=40_000)
    second = session(2, 20_000, 1, goal=40_000, end=End.MET, words="goal met")
    picture = picture_lineage([first, second])
    assert course(picture) == [(0, 50, 0), (50, 50, 0)]
    (link,) = picture.links
    assert (link.left, link.top, link.bottom) == (50, BAR_TOP + BAR_HEIGHT, ROW_HEIGHT + BAR_TOP)
    assert [bar.label for bar in picture.bars] == [
        "0001 · 0 → 20,000 · cut by its limit",
        "0002 · 20,000 → 40,000 · goal met",
    ]


def test_what_a_cut_threw_away_is_drawn_behind_what_was_kept() -> None:
    first = session(1, 0, None, goal=40_000, reached=20_000, kept_to=15_000)
    picture = picture_lineage([first, session(2, 15_000, 1, goal=40_000)])
    assert course(picture)[0] == (0, 37.5, 12.5)


def test_a_session_that_was_done_again_is_all_thrown_away() -> None:
    first = session(1, 0, None, goal=40_000)
    given_up = session(2, 20_000, 1, goal=40_000, kept_to=None)
    again = session(3, 20_000, 1, goal=40_000)
    picture = picture_lineage([first, given_up, again])
    assert course(picture)[1] == (50, 0, 50)
    assert [link.is_kept for link in picture.links] == [False, True]
    assert picture.bars[1].label.endswith("done again")


def test_a_session_that_left_nothing_sound_is_a_mark_that_tells_why() -> None:
    lost = session(1, 0, None, goal=40_000, reached=None, kept_to=None, refused=("a.zip: is damaged",), reason="killed")
    (bar,) = picture_lineage([lost]).bars
    assert bar.has_refusals
    assert 0 < bar.dropped < 1
    assert bar.story == "session 0001 began at 0 timesteps\nkilled\na.zip: is damaged"


@pytest.mark.parametrize("begins", [39_999, 40_000])
def test_a_mark_at_the_goal_stays_inside_of_the_picture(begins: int) -> None:
    (bar,) = picture_lineage([session(1, begins, None, goal=40_000, reached=None, kept_to=None)]).bars
    assert bar.right <= 100


def test_a_lineage_without_sessions_is_an_empty_picture() -> None:
    assert picture_lineage([]).bars == ()
