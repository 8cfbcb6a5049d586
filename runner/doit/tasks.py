"""The task graph: files wired to stages, and nothing else. dodo.py holds them; `doit list` names the tasks."""

from runner.doit import actions
from runner.doit.creators import for_all_jobs, for_each_job, for_each_study, runs, stage
from runner.doit.graph import Files
from runner.layout import DOIT_MEMORY
from runner.workspace import LiveSession

DOIT_CONFIG = {
    "default_tasks": ["run_full"],
    "backend": "write_through",
    "dep_file": DOIT_MEMORY,
    "reporter": "relay",
    "continue": True,
    "par_type": "thread",
}


@stage(actions.package)
def task_package(session: LiveSession) -> Files:
    """Put everything that a session needs into one sealed folder."""
    files = session.folder
    return Files(needs=session.parents, makes=[files.request, files.package_json])


@stage(actions.execute)
def task_execute(session: LiveSession) -> Files:
    """Run the packaged session on its backend, or attach to it."""
    files = session.folder
    return Files(needs=[files.package_json], makes=[files.execution_json])


@stage(actions.download)
def task_download(session: LiveSession) -> Files:
    """Bring what the session left to this machine, whole."""
    files = session.folder
    return Files(needs=[files.execution_json], makes=[files.manifest_json])


@stage(actions.validate)
def task_validate(session: LiveSession) -> Files:
    """Judge the artifacts one by one, without running anything that is in them."""
    files = session.folder
    return Files(needs=[files.manifest_json], makes=[files.report_json], rules=session.plan.wanted.rules)


@stage(actions.restore)
def task_restore(session: LiveSession) -> Files:
    """Adopt what is sound as the parent of the next session."""
    files = session.folder
    return Files(needs=[files.report_json], makes=[files.restored_json])


task_run_quick = runs("Run one session to the goal of each job's `quick` block: a first look in seconds.")
task_run_full = runs("Run one session towards each job's goal, from where the last one ended (the default).")
task_resume = runs("Go on, session after session, until each job's goal is met.")
task_redo = runs("Do the newest session of a job again, from the same parent; the one that is there stays.")

task_tune = for_each_study(
    actions.tune, "Search for hyperparameters: have the trials of each study of jobs.yaml go on until all have ended."
)
task_promote = for_each_study(
    actions.promote, "Make the best trial of each study a job of jobs.yaml; what stands there stays as it is."
)

task_plan = for_each_job(
    actions.show_plan, "Say what the next session of each job would be, and why; spends nothing. --json for programs."
)
task_logs = for_each_job(
    actions.show_log, "Show the log of a job's newest session, or of session=3; with -f as it grows."
)
task_cancel = for_each_job(actions.cancel, "Ask the running session of each job to stop after a last checkpoint.")
task_collect = for_each_job(
    actions.collect, "Look again for what the newest session of each job left, where nothing had come of it."
)
task_adopt = for_each_job(
    actions.adopt, "Take in checkpoints that were copied by hand, from=FOLDER, as session 0001 of a job."
)
task_recover = for_each_job(
    actions.recover, "Make a job's sessions again from what Kaggle holds of them; spends nothing."
)
task_fresh = for_each_job(
    actions.start_afresh, "Archive a job's sessions, so that its next run starts anew; deletes nothing."
)

task_curve = for_each_job(
    actions.show_curve, "Put what all sessions of each job measured into one table, and into one run of TensorBoard's."
)

task_track = for_each_job(
    actions.track, "Send each job's curve to to=mlflow or to=wandb, as one run over all sessions; only what is new."
)

task_video = for_each_job(actions.make_video, "Record the best agent of each job in its environment, as a video.")

task_export = for_each_job(
    actions.export, "Write the best agent of each job as ONNX and in Hugging Face's form; uploads nothing."
)

task_doctor = for_all_jobs(actions.examine, "Check that the backends of the jobs would take a session; spends nothing.")
task_verify = for_all_jobs(
    actions.verify, "Check installation, folders, checkpoints, lineages, exact resume and backends; spends nothing."
)
task_repair = for_all_jobs(
    actions.repair, "Mend what `verify` finds broken, going on from the newest sound checkpoint; deletes nothing."
)
task_calibrate = for_all_jobs(
    actions.calibrate, "Find out on your account what is not known for sure of Kaggle; spends minutes of CPU, no quota."
)
task_gc = for_all_jobs(
    actions.tidy, "Say what no session needs any more, here and on Kaggle; with --apply remove it (jobs.yaml: keep)."
)
task_status = for_all_jobs(
    actions.show_status, "Show every session of every job in a table, and why it ended. --json for programs."
)
task_history = for_all_jobs(
    actions.show_history, "Say what happened to each job, and when: sessions, changes, redos, what was refused."
)
task_graph = for_all_jobs(actions.draw_graph, "Draw the stages of each job, and which of them are stale, as SVG.")
task_report = for_all_jobs(
    actions.report, "Write a page of each job with its learning curve, sessions and checkpoints: runs/report.html."
)
