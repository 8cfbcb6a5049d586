"""`doit export`: the best agent of a job for others, as ONNX and in the form of Hugging Face's hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.events import say
from contract.plain_text import plain
from runner.acting.choosing import best_agent
from runner.acting.order import Exported, ExportOrder
from runner.acting.process import acting
from runner.export.folder import write_folder
from runner.extras import have

if TYPE_CHECKING:
    from runner.workspace import Workspace

NEEDED = ("onnx", "onnxruntime", "onnxscript")


def export(workspace: Workspace, job: str) -> None:
    """Write what is handed on of the best agent of `job`; nothing is uploaded.

    Raises:
        RelayError: there is no agent yet, or its environment cannot be made.
        UnavailableError: a library of the extra `export` is not installed.
    """
    have("doit export", NEEDED, "export")
    agent = best_agent(workspace.runs, job)
    plan = workspace.plan(job, "full")
    task = ExportOrder()
    say(f"export    {job}  {agent.described} plays {task.episodes} episodes")
    with acting(workspace, plan, agent, task, Exported) as (made, output):
        handed = write_folder(workspace.runs, job, agent, made, output)
    if made.rewards:
        say(f"export    {job}  mean reward {handed.mean_reward:,.2f} +/- {handed.std_reward:,.2f}")
    if isinstance(made.onnx, str):
        say(f"export    {job}  no model.onnx: {plain(made.onnx)}")
    else:
        alike = f"onnxruntime acts as torch on {made.onnx.compared} observations"
        say(f"export    {job}  model.onnx: {alike} (to within {made.onnx.largest_difference:.1g})")
    if handed.video is None:
        remedy = f"`doit video:{job}` makes one, and the same command takes it along"
        say(f"export    {job}  without a video of this agent: {remedy}")
    folder = workspace.runs.export(job)
    names = ", ".join(sorted(each.name for each in folder.iterdir()))
    say(f"export    {job}  {folder.relative_to(workspace.runs.root).as_posix()}/: {names}; nothing was uploaded")
