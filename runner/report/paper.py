"""The learning curve for a paper, by matplotlib: vector text, colours for everybody, no title."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from runner.report import colours
from runner.report.series import measured_line, thinned
from runner.report.values import EVALUATED_RETURN, TRAINING_RETURN

if TYPE_CHECKING:
    from runner.report.aggregate import Aggregate
    from runner.report.values import JobReport

_INCHES = (5.5, 3.2)
"""The width of a text column of a paper on A4 or letter."""
_DOTS_PER_INCH = 200
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "kaggle-relay",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "grid.color": "#e3e6ea",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.dpi": _DOTS_PER_INCH,
}
"""Text stays text in SVG, so that it takes the font of the paper; equal figures are equal bytes."""
_THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


class Pictures(NamedTuple):
    """One figure in two forms."""

    svg: bytes
    png: bytes


def shortened(value: float) -> str:
    """A number as an axis has it: `500`, `20k`, `1.5M`."""
    size, unit = next(((size, unit) for size, unit in _THOUSANDS if abs(value) >= size), (1.0, ""))
    return f"{value / size:.4g}{unit}".replace("-", "\N{MINUS SIGN}")


def learning_curve(report: JobReport) -> Pictures | None:
    """The returns in training and in evaluation, baselines beside them; None where nothing was measured."""
    training, evaluated = (thinned(measured_line(report.curve, key)) for key in (TRAINING_RETURN, EVALUATED_RETURN))
    if len(training) == 0 and len(evaluated) == 0:
        return None
    with mpl.rc_context(_STYLE):
        figure, axes = _empty()
        for stretch in report.curve.stretches:
            if stretch.begins > 0:
                axes.axvline(stretch.begins, color="#9aa5b4", linewidth=0.6, linestyle=":", zorder=1)
        if len(training):
            axes.plot(*training, color=colours.TRAINING, linewidth=0.9, label="in training", zorder=2)
        if len(evaluated):
            style = {"color": colours.AGENT, "linewidth": 1.6, "marker": "o", "markersize": 2.5}
            axes.plot(*evaluated, label="evaluated", zorder=4, **style)
        for index, baseline in enumerate(report.baselines):
            colour = colours.BASELINES[index % len(colours.BASELINES)]
            style = {"color": colour, "linewidth": 1.1, "linestyle": "--"}
            axes.axhline(baseline.mean_return, label=baseline.name.replace("$", r"\$"), zorder=3, **style)
        return _finished(figure, axes)


def several_runs(whole: Aggregate) -> Pictures:
    """Several runs as one curve with its confidence interval, and each of them thinly."""
    with mpl.rc_context(_STYLE):
        figure, axes = _empty()
        for run in whole.runs:
            axes.plot(whole.timesteps, run, color=colours.TRAINING, linewidth=0.6, alpha=0.7, zorder=2)
        low, high = whole.estimate.low, whole.estimate.high
        shade = {"color": colours.AGENT, "alpha": 0.2, "linewidth": 0}
        axes.fill_between(whole.timesteps, low, high, label="95 % confidence", zorder=3, **shade)
        label = f"interquartile mean of {len(whole.runs)}"
        axes.plot(whole.timesteps, whole.estimate.mean, color=colours.AGENT, linewidth=1.8, label=label, zorder=4)
        return _finished(figure, axes)


def _empty() -> tuple[Any, Any]:
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel("timesteps")
    axes.set_ylabel("episode return")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: shortened(value)))
    return figure, axes


def _finished(figure: Any, axes: Any) -> Pictures:
    axes.set_xlim(left=0)
    if np.isfinite(axes.get_ylim()).all():
        axes.margins(y=0.05)
    axes.legend(loc="best", fontsize=8)
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    figure.savefig(png, format="png", metadata={"Software": None})
    return Pictures(svg.getvalue(), png.getvalue())
