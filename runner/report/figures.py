"""The figures of a page, drawn by plotly where it is read. Pure: from values to figures."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from runner.report import colours
from runner.report.series import Line, measured_line, thinned
from runner.report.values import EVALUATED_RETURN, THROUGHPUT, TRAINING_RETURN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.curve.measurements import Stretch
    from runner.report.aggregate import Aggregate
    from runner.report.study import StudyReport, TrialRow
    from runner.report.values import JobReport

MOST_NUMBERED_BORDERS = 12
"""Session borders whose numbers can be read beside one another on a telephone's width, and half as many again."""
_NAMES = {TRAINING_RETURN: "in training", EVALUATED_RETURN: "evaluated"}


def learning_curve(report: JobReport) -> go.Figure | None:
    """The returns in training and in evaluation, baselines beside them; None where nothing was measured."""
    training, evaluated = measured_line(report.curve, TRAINING_RETURN), measured_line(report.curve, EVALUATED_RETURN)
    if len(training) == 0 and len(evaluated) == 0:
        return None
    figure = go.Figure(layout=_layout("episode return"))
    if len(training):
        _add(figure, training, _NAMES[TRAINING_RETURN], {"line": {"color": colours.TRAINING, "width": 1.5}})
    if len(evaluated):
        marks = {"size": 6, "color": colours.AGENT}
        line = {"color": colours.AGENT, "width": 2.5}
        _add(figure, evaluated, _NAMES[EVALUATED_RETURN], {"line": line, "marker": marks, "mode": "lines+markers"})
        best = int(evaluated.values.argmax())
        star = Line(evaluated.timesteps[best : best + 1], evaluated.values[best : best + 1])
        mark = {"symbol": "star", "size": 14, "color": colours.BEST}
        _add(figure, star, "best", {"mode": "markers", "marker": mark})
    begins = min(float(each.timesteps[0]) for each in (training, evaluated) if len(each))
    ends = max(float(each.timesteps[-1]) for each in (training, evaluated) if len(each))
    for index, baseline in enumerate(report.baselines):
        level = Line(np.array([min(0.0, begins), ends]), np.array([baseline.mean_return] * 2))
        colour = colours.BASELINES[index % len(colours.BASELINES)]
        line = {"color": colour, "width": 1.5, "dash": "dash"}
        _add(figure, level, baseline.name, {"line": line, "mode": "lines"})
    _mark_sessions(figure, report.curve.stretches)
    return figure


def throughput(report: JobReport) -> go.Figure | None:
    """Timesteps per second; None where nothing was measured."""
    return measured(report, THROUGHPUT, "timesteps per second", from_zero=True)


def measured(report: JobReport, key: str, title: str | None = None, *, from_zero: bool = False) -> go.Figure | None:
    """Anything that was measured, by its key; None where that was not."""
    line = measured_line(report.curve, key)
    if len(line) == 0:
        return None
    figure = go.Figure(layout=_layout(title or key))
    mode = "lines+markers" if len(line) == 1 else "lines"
    _add(figure, line, key, {"line": {"color": colours.AGENT, "width": 2}, "mode": mode, "showlegend": False})
    if from_zero:
        figure.update_yaxes(rangemode="tozero")
    _mark_sessions(figure, report.curve.stretches)
    return figure


def several_runs(whole: Aggregate, names: Sequence[str], title: str) -> go.Figure:
    """Several runs as one curve with its confidence interval, and each of them thinly."""
    figure = go.Figure(layout=_layout(title))
    stops, estimate = whole.timesteps, whole.estimate
    for index, (name, run) in enumerate(zip(names, whole.runs, strict=True)):
        line = {"color": colours.SEEDS[index % len(colours.SEEDS)], "width": 1}
        _add(figure, Line(stops, run), name, {"line": line, "opacity": 0.6})
    edge = {"line": {"width": 0}, "showlegend": False, "hoverinfo": "skip", "mode": "lines"}
    _add(figure, Line(stops, estimate.low), "", edge)
    _add(figure, Line(stops, estimate.high), "", edge | {"fill": "tonexty", "fillcolor": colours.BAND})
    mean = {"line": {"color": colours.AGENT, "width": 3}, "mode": "lines+markers", "marker": {"size": 5}}
    _add(figure, Line(stops, estimate.mean), "interquartile mean", mean)
    return figure


def search_history(report: StudyReport) -> go.Figure | None:
    """What each trial of a study came to, and the best so far; None where none came to anything."""
    found = [each for each in report.rows if each.value is not None]
    if not found:
        return None
    figure = go.Figure(layout=_layout(f"{report.metric} mean evaluation return"))
    figure.update_xaxes(title_text="trial")
    for state, colour in (("complete", colours.AGENT), ("pruned", colours.TRAINING)):
        if shown := [each for each in found if each.state == state]:
            _add(figure, _by_number(shown), state, {"mode": "markers", "marker": {"size": 8, "color": colour}})
    if complete := [each for each in found if each.state == "complete"]:
        line = _by_number(complete)
        best = Line(line.timesteps, np.maximum.accumulate(line.values))
        shape = {"color": colours.BEST, "width": 2, "shape": "hv"}
        _add(figure, best, "the best so far", {"line": shape, "mode": "lines"})
    return figure


def _by_number(rows: Sequence[TrialRow]) -> Line:
    return Line(np.array([float(each.number) for each in rows]), np.array([float(each.value or 0) for each in rows]))


def _layout(title: str) -> dict[str, Any]:
    axis = {"exponentformat": "SI", "automargin": True, "zeroline": False}
    return {
        "template": None,
        "autosize": True,
        "hovermode": "x unified",
        "margin": {"l": 8, "r": 12, "t": 28, "b": 8},
        "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        "xaxis": axis | {"title": {"text": "timesteps", "standoff": 6}, "rangemode": "tozero"},
        "yaxis": axis | {"title": {"text": _as_text(title)}},
    }


def _add(figure: go.Figure, line: Line, name: str, style: dict[str, Any]) -> None:
    """Add a line, its numbers as few bytes as a picture needs."""
    shown = thinned(line)
    largest = shown.timesteps.max(initial=0)
    timesteps = shown.timesteps.astype(np.int32 if largest < np.iinfo(np.int32).max else np.float64)
    named = {"name": _as_text(name), "mode": "lines"}
    figure.add_trace(go.Scatter(x=timesteps, y=shown.values.astype(np.float32), **(named | style)))


def _mark_sessions(figure: go.Figure, stretches: Sequence[Stretch]) -> None:
    """Draw a line where each session began that went on from another, and the numbers of as many as can be read."""
    borders = [each for each in stretches if each.begins > 0]
    line = {"color": colours.BORDER, "width": 1, "dash": "dot"}
    figure.update_layout(
        shapes=[
            {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": each.begins, "x1": each.begins, "line": line}
            for each in borders
        ],
        annotations=[
            {
                "text": f"{each.session}",
                "x": each.begins,
                "yref": "paper",
                "y": 1,
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 10},
            }
            for each in borders[:: -(-len(borders) // MOST_NUMBERED_BORDERS) or 1]
        ],
    )


def _as_text(text: str) -> str:
    """Text that plotly takes as such: it reads some of HTML's tags."""
    return html.escape(text, quote=False)
