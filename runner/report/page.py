"""Pages as HTML. Whatever comes from a session is text here: nothing of it is read as HTML or run."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contract.storage.files import human_bytes
from runner.display import duration_text
from runner.report import colours, figures
from runner.report.browser_script import TEMPLATES, browser_script
from runner.report.lineage_picture import picture_lineage
from runner.report.values import EVALUATED_RETURN, End

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    import plotly.graph_objects as go

    from runner.report.aggregate import Aggregate
    from runner.report.study import StudyReport
    from runner.report.values import JobReport

_MANY, _LARGE = 100, 1_000
"""From here on one digit behind the point is enough, and none."""
_SMALL = 1e-3
_FULL = 100.0


@dataclass(frozen=True)
class GroupReport:
    """Jobs that are compared.

    Args:
        name: of the group.
        jobs: their names.
        what: was measured, as a sentence.
        whole: all of them as one curve; None where there is none.
        notes: what is to be known, a sentence each.
        still: the figure as an image, where there is one.
    """

    name: str
    jobs: tuple[str, ...]
    what: str = ""
    whole: Aggregate | None = None
    notes: tuple[str, ...] = ()
    still: bytes | None = field(default=None, repr=False)


def count(value: float | None) -> str:
    """A whole number for people: `12,345`; nothing for None."""
    return "" if value is None else f"{value:,.0f}"


def real(value: float | None) -> str:
    """A number for people, with as many digits as tell something; nothing for None."""
    if value is None:
        return ""
    if value and abs(value) < _SMALL:
        return f"{value:.2e}"
    return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:,.1f}" if abs(value) >= _MANY else f"{value:.3g}"


def signed(value: float) -> str:
    """A difference for people, with its sign."""
    return f"{'+' if value >= 0 else ''}{real(value)}"


def duration(hours: float | None) -> str:
    """A length of time as everywhere else: `8h42m`, `12m00s`, `19s`; nothing for None."""
    return "" if hours is None else duration_text(hours * 3600)


def percent(part: float, whole: float) -> float:
    """How much of a whole, from 0 to 100."""
    return 0.0 if whole <= 0 else max(0.0, min(_FULL, round(part / whole * _FULL, 1)))


_TEMPLATES = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_TEMPLATES.filters.update(count=count, real=real, signed=signed, duration=duration, bytes=human_bytes)
_TEMPLATES.globals.update(percent=percent)


def render_job(report: JobReport, written_at: datetime, still: bytes | None = None) -> str:
    """The page of a job.

    Args:
        report: what it tells.
        written_at: when, UTC.
        still: the learning curve as SVG, for a browser that runs no scripts.
    """
    measured = report.curve.keys
    drawn = {"curve": figures.learning_curve(report), "throughput": figures.throughput(report)}
    drawn |= {f"measured/{key}": figures.measured(report, key) for key in measured}
    cut = sum(each.end is End.CUT for each in report.sessions)
    failed = sum(each.end is End.FAILED for each in report.sessions)
    evaluated = report.curve.series(EVALUATED_RETURN)
    best = max(evaluated, key=lambda each: each.value, default=None)
    return _render(
        "report.html",
        drawn,
        written_at,
        report=report,
        lineage_picture=picture_lineage(report.sessions),
        measured=measured,
        still=_as_image(still),
        best_note=f"at {count(best.timesteps)} timesteps" if best is not None else "",
        sessions_note=f"{cut} cut off, {failed} failed",
        gpu_note=f"{duration(report.gpu_hours)} of it with a GPU"
        if report.gpu_hours
        else "none of it known with a GPU",
    )


def render_index(
    reports: Sequence[JobReport],
    groups: Sequence[GroupReport],
    written: Collection[str],
    written_at: datetime,
    studies: Sequence[StudyReport] = (),
) -> str:
    """The page of all jobs.

    Args:
        reports: of each.
        groups: of those that are compared.
        written: the jobs that have pages of their own.
        written_at: when, UTC.
        studies: the searches.
    """
    drawn = {f"group/{each.name}": _group_figure(each) for each in groups}
    return _render(
        "index.html",
        drawn,
        written_at,
        reports=reports,
        groups=[_shown(each) for each in groups],
        written=written,
        studies=studies,
        session_count=sum(len(each.sessions) for each in reports),
        total_hours=sum(each.hours for each in reports),
        total_gpu_hours=sum(each.gpu_hours for each in reports),
    )


def render_study(report: StudyReport, written_at: datetime) -> str:
    """The page of a study.

    Args:
        report: what it tells.
        written_at: when, UTC.
    """
    return _render("study.html", {"history": figures.search_history(report)}, written_at, report=report)


def encoded(page: str) -> bytes:
    """A page as it is written; halves of characters, which strangers' JSON may hold, are spelled out."""
    return page.encode(errors="backslashreplace")


def _group_figure(group: GroupReport) -> go.Figure | None:
    return figures.several_runs(group.whole, group.jobs, "episode return") if group.whole is not None else None


def _shown(group: GroupReport) -> dict[str, Any]:
    whole = group.whole
    shown: dict[str, Any] = {"name": group.name, "jobs": group.jobs, "what": group.what, "notes": group.notes}
    if whole is None:
        return shown | {"figure": None}
    ends = {name: float(values[-1]) for name, values in whole.estimate._asdict().items()}
    return shown | ends | {
        "figure": f"group/{group.name}", "last": float(whole.timesteps[-1]), "still": _as_image(group.still)
    }  # fmt: skip


def _render(template: str, drawn: Mapping[str, go.Figure | None], written_at: datetime, **values: Any) -> str:
    there = {name: figure for name, figure in drawn.items() if figure is not None}
    script = browser_script()
    return _TEMPLATES.get_template(template).render(
        names=frozenset(there),
        figures=as_script(there) if there else "",
        plotly=script.plotly,
        plotly_version=script.version,
        script=Markup(script.own),  # noqa: S704 - a file of ours
        policy=script.policy,
        css=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - a file of ours
        written_at=f"{written_at:%Y-%m-%d %H:%M}",
        **values,
    )


def as_script(drawn: Mapping[str, go.Figure]) -> Markup:
    """Figures as JSON that stands inside a `<script>` and cannot end it, whatever text is in it."""
    parts = ", ".join(f"{json.dumps(name)}: {figure.to_json()}" for name, figure in drawn.items())
    text = f'{{"inTheDark": {json.dumps(colours.IN_THE_DARK)}, "figures": {{{parts}}}}}'
    escaped = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}
    return Markup(text.translate(escaped))  # noqa: S704 - no `<` is left, and JSON reads it as before


def _as_image(svg: bytes | None) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}" if svg else ""
