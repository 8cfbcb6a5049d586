"""`doit history`: what happened when, over all lineages of the jobs."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from contract.events import say
from contract.plain_text import plain
from runner.lineage import every_lineage
from runner.steering.answers import answer, wants_json
from runner.steering.documents import HistoryAnswer
from runner.steering.happened import tell_history

if TYPE_CHECKING:
    from runner.steering.documents import Happening
    from runner.workspace import Workspace


def show_history(workspace: Workspace, jobs: list[str]) -> None:
    """Say what happened to `jobs`, oldest first."""
    found = [each for job in jobs for each in tell_history(every_lineage(workspace.runs, job))]
    happenings = tuple(happening for _, happening in sorted(found, key=lambda each: each[0]))
    if wants_json():
        answer(HistoryAnswer(happenings=happenings))
        return
    for line in lines(happenings):
        say(plain(line))
    for job in jobs:
        if not any(each.job == job for each in happenings):
            say(f"{job}: nothing has happened yet")


def lines(happenings: tuple[Happening, ...]) -> list[str]:
    """One line for each, with the time where it is another than that of the line before."""
    width = max((len(_subject(each)) for each in happenings), default=0)
    found, before = [], ""
    for each in happenings:
        at = "" if each.at is None else f"{dt.datetime.fromisoformat(each.at).astimezone():%Y-%m-%d %H:%M}"
        shown = at if at != before else ""
        before = at or before
        found.append(f"{shown:<16}  {_subject(each):<{width}}  {each.sentence}")
    return found


def _subject(happening: Happening) -> str:
    lineage = f"-{happening.lineage:03d}" if happening.lineage > 1 else ""
    return f"{happening.job}{lineage} {happening.session or ''}".rstrip()
