"""Pages and figures of what the jobs came to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from contract.errors import RelayError
from contract.events import say
from contract.plain_text import one_line
from contract.storage import files
from runner.curve.stitching import stitched
from runner.extras import have
from runner.studies import records, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.report.page import GroupReport
    from runner.report.study import StudyReport
    from runner.report.values import JobReport
    from runner.workspace import Workspace

NEEDED = ("matplotlib", "plotly")


def write_reports(workspace: Workspace, jobs: list[str]) -> None:
    """Write the page of each of `jobs`, their learning curves, and the page of all jobs.

    Raises:
        UnavailableError: what draws is not installed.
    """
    have("a report", NEEDED, "report")
    from runner.report.reading import read_job  # noqa: PLC0415 - only this command needs it

    written_at = datetime.now(UTC)
    reports = {}
    for job in dict.fromkeys([*workspace.jobs, *jobs]):
        curve = stitched(workspace.runs, job)
        reports[job] = read_job(workspace.runs, job, workspace.configured(job), workspace.group(job), curve)
    for job in jobs:
        _write_job(workspace, _with_baselines(workspace, reports[job]), written_at)
    studies = [_write_study(workspace, name, written_at) for name in _studies(workspace)]
    _write_index(workspace, [reports[job] for job in workspace.jobs], studies, written_at)


def _with_baselines(workspace: Workspace, report: JobReport) -> JobReport:
    """The report with what its environment offers to compare with, or with why that cannot be had here."""
    from runner.report.baselines import job_baselines  # noqa: PLC0415 - only this command needs it

    if not report.sessions:
        return report
    try:
        return replace(report, baselines=job_baselines(workspace, report.job))
    except RelayError as error:
        note = f"Whether its environment has baselines could not be found out on this machine: {one_line(str(error))}."
        return replace(report, notes=(*report.notes, note))


def _write_job(workspace: Workspace, report: JobReport, written_at: datetime) -> None:
    from runner.report import page, paper  # noqa: PLC0415 - only this command needs it

    if not report.sessions:
        say(f"{report.job}: no session has begun, so there is nothing to report")
        return
    pictures = paper.learning_curve(report)
    if pictures is not None:
        files.write_bytes(workspace.runs.learning_curve(report.job, "svg"), pictures.svg)
        files.write_bytes(workspace.runs.learning_curve(report.job, "png"), pictures.png)
    target = workspace.runs.report(report.job)
    still = pictures.svg if pictures else None
    files.write_bytes(target, page.encoded(page.render_job(report, written_at, still)))
    beside = ", with learning_curve.svg and .png beside it" if pictures else ""
    say(f"{report.job}: {target.relative_to(workspace.runs.root).as_posix()}{beside}")


def _studies(workspace: Workspace) -> list[str]:
    """Those of jobs.yaml, and those that have trials."""
    return list(dict.fromkeys([*workspace.jobs_file.studies, *workspace.runs.studies]))


def _write_study(workspace: Workspace, name: str, written_at: datetime) -> StudyReport:
    from runner.report import page  # noqa: PLC0415 - only this command needs it
    from runner.report.study import StudyReport, trial_rows  # noqa: PLC0415 - likewise

    trials = records.trials(workspace.runs.study(name))
    stated = workspace.jobs_file.study(name) if name in workspace.jobs_file.studies else None
    keys = tuple(stated.search) if stated is not None else tuple(trials[0].parameters if trials else ())
    planned = stated.trials if stated is not None else len(trials)
    report = StudyReport(
        name=name,
        job=stated.job if stated is not None else "",
        metric=stated.metric if stated is not None else "best",
        planned=planned,
        keys=keys,
        rows=trial_rows(trials, keys, {each.name for each in trials if workspace.runs.report(each.name).exists()}),
        sentence=summary.sentence(name, trials, planned),
    )
    target = workspace.runs.study_report(name)
    files.write_bytes(target, page.encoded(page.render_study(report, written_at)))
    say(f"study {name}: {target.relative_to(workspace.runs.root).as_posix()}")
    return report


def _write_index(
    workspace: Workspace, reports: Sequence[JobReport], studies: Sequence[StudyReport], written_at: datetime
) -> None:
    from runner.report import page, paper  # noqa: PLC0415 - only this command needs it
    from runner.report.grouping import group_reports  # noqa: PLC0415 - likewise

    groups: list[GroupReport] = []
    for each in group_reports(reports):
        shown = each
        if each.whole is not None:
            pictures = paper.several_runs(each.whole)
            shown = replace(each, still=pictures.svg)
            files.write_bytes(workspace.runs.group_curve(each.name, "svg"), pictures.svg)
            files.write_bytes(workspace.runs.group_curve(each.name, "png"), pictures.png)
        groups.append(shown)
    written = {each.job for each in reports if workspace.runs.report(each.job).exists()}
    files.write_bytes(
        workspace.runs.report_of_all, page.encoded(page.render_index(reports, groups, written, written_at, studies))
    )
    say(f"all jobs: {workspace.runs.report_of_all.relative_to(workspace.runs.root).as_posix()}")
