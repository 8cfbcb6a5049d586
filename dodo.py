"""The task graph: files wired to stages, and nothing else. `doit list` names the tasks."""

from pathlib import Path

from doit.tools import config_changed

from runner.doit.graph import Graph, Task, Tasks
from runner.doit.reporter import RelayReporter

DOIT_CONFIG = {
    "default_tasks": ["run_full"],
    "backend": "write_through",
    "dep_file": ".doit.sqlite3",
    "reporter": RelayReporter,
    "continue": True,
    "par_type": "thread",
}
GRAPH = Graph(Path(__file__).parent)


def task_package() -> Tasks:
    """Put everything that a session needs into one sealed folder."""
    for session in GRAPH.live_sessions():
        files = session.folder
        yield GRAPH.stage(session, needs=session.parents, makes=[files.request, files.package_json])


def task_execute() -> Tasks:
    """Run the packaged session on its backend, or attach to it."""
    for session in GRAPH.live_sessions():
        files = session.folder
        yield GRAPH.stage(session, needs=[files.package_json], makes=[files.execution_json])


def task_download() -> Tasks:
    """Bring what the session left to this machine, whole."""
    for session in GRAPH.live_sessions():
        files = session.folder
        yield GRAPH.stage(session, needs=[files.execution_json], makes=[files.manifest_json])


def task_validate() -> Tasks:
    """Judge the artifacts one by one, without running anything that is in them."""
    for session in GRAPH.live_sessions():
        files, rules = session.folder, config_changed(GRAPH.rules(session))
        yield GRAPH.stage(session, needs=[files.manifest_json], makes=[files.report_json], uptodate=[rules])


def task_restore() -> Tasks:
    """Adopt what is sound as the parent of the next session."""
    for session in GRAPH.live_sessions():
        files = session.folder
        yield GRAPH.stage(session, needs=[files.report_json], makes=[files.restored_json])


def task_run_quick() -> Tasks:
    """Run one session to the goal of each job's `quick` block: a first look in seconds."""
    yield from GRAPH.runs()


def task_run_full() -> Tasks:
    """Run one session towards each job's goal, from where the last one ended (the default)."""
    yield from GRAPH.runs()


def task_resume() -> Tasks:
    """Go on, session after session, until each job's goal is met."""
    yield from GRAPH.runs()


def task_plan() -> Tasks:
    """Say what the next session of each job would be, and why; spends nothing."""
    yield from GRAPH.for_each_job("show_plan")


def task_verify() -> Tasks:
    """Check that every adopted checkpoint still is what was adopted."""
    yield from GRAPH.for_each_job("verify")


def task_cancel() -> Tasks:
    """Ask the running session of each job to stop after a last checkpoint."""
    yield from GRAPH.for_each_job("cancel")


def task_doctor() -> Task:
    """Check that the backends of the jobs would take a session; spends nothing."""
    return GRAPH.for_all_jobs("examine")


def task_fresh() -> Tasks:
    """Archive a job's sessions, so that its next run starts anew; deletes nothing."""
    yield from GRAPH.for_each_job("start_afresh")


def task_status() -> Task:
    """Show every session of every job in a table."""
    return GRAPH.for_all_jobs("show_status")
