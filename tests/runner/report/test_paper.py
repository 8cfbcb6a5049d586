"""The learning curve for a paper."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from io import BytesIO

import pytest
from PIL import Image

from runner.curve.measurements import Curve
from runner.report import paper
from runner.report.grouping import group_reports
from tests.runner.report import examples

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: bytes) -> list[str]:
    """The text of a figure, where it is text and not outlines."""
    return ["".join(each.itertext()) for each in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (500, "500"), (20_000, "20k"), (1_500_000, "1.5M"), (-31_550, "\N{MINUS SIGN}31.55k"), (0.25, "0.25")],
)
def test_large_numbers_are_short_on_an_axis(value: float, text: str) -> None:
    assert paper.shortened(value) == text


def test_the_figure_has_axes_and_a_legend_as_text_and_no_title() -> None:
    pictures = paper.learning_curve(examples.report())
    assert pictures is not None
    said = words(pictures.svg)
    assert {"timesteps", "episode return", "in training", "evaluated", "max-pressure", "20k"} <= set(said)
    assert "walk" not in said
    with Image.open(BytesIO(pictures.png)) as image:
        assert image.size == (1100, 640)


def test_equal_curves_are_equal_files() -> None:
    assert paper.learning_curve(examples.report()) == paper.learning_curve(examples.report())


def test_nothing_is_drawn_where_nothing_was_measured() -> None:
    assert paper.learning_curve(examples.report(curve=Curve("walk", 1, (), ()))) is None


def test_the_figure_of_a_group_says_of_how_many_runs_it_is() -> None:
    (group,) = group_reports([examples.report(f"walk-{seed}", seed=seed) for seed in range(3)])
    assert group.whole is not None
    said = words(paper.several_runs(group.whole).svg)
    assert {"interquartile mean of 3", "95 % confidence"} <= set(said)
