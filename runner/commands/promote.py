"""`doit promote`: the best trial of a study becomes a job."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from contract.errors import InputError
from contract.events import say
from runner.backends.registry import sections
from runner.jobs.adding import add_job
from runner.jobs.sections import job_with
from runner.layout import JOBS_FILE
from runner.studies import records, summary
from runner.studies.promoting import full_form, is_promoted, promoted

if TYPE_CHECKING:
    from runner.workspace import Workspace


def promote(workspace: Workspace, name: str) -> None:
    """Write the best trial of a study into jobs.yaml as a job that begins anew, unless a job is the same already.

    Raises:
        InputError: no trial of it came to its goal yet, or the job cannot be written there.
    """
    study = workspace.jobs_file.study(name)
    best = summary.best(records.trials(workspace.runs.study(name)))
    if best is None:
        raise InputError(f"study {name}", "has no trial that came to its goal yet", f"run `doit tune:{name}`")
    model = job_with(sections())
    for each in filter(lambda job: is_promoted(name, job), workspace.jobs):
        if full_form(study, best, each, model) == workspace.configured(each):
            say(f"{each}: is trial {best.number} of study {name} already; `doit run_full:{each}` runs it")
            return
    job = promoted(study, best, [*workspace.jobs, *workspace.jobs_file.trials, *workspace.jobs_file.studies])
    sys.stdout.write(job.text)
    add_job(workspace.runs.root / JOBS_FILE, job.name, job.text, "paste what stands above below `jobs:`")
    say(f"{JOBS_FILE}: has the job {job.name} now, which begins at zero; `doit run_full:{job.name}` runs it")
