"""A job whose sources cannot be carried is refused; the jobs beside it run, and are told of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.project import cart_pole

if TYPE_CHECKING:
    from tests.project import Project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="few users may make links there")

ODD = {
    "is a link to a folder in which it lies itself": ("lab/again", "."),
    "is a link that leads out of the project": ("lab", "/"),
    "there is no such folder": ("elsewhere", "lab"),
}
"""What is said, and the link that is odd."""


def test_a_job_with_an_odd_source_stops_no_other(project: Project) -> None:
    project.write_jobs(odd=cart_pole(sources=["lab"]), cart=cart_pole())
    for said, (link, target) in ODD.items():
        odd = project.root / link
        odd.parent.mkdir(exist_ok=True)
        odd.symlink_to(target, target_is_directory=True)
        commands = [{"run_quick": "nothing to do"}]
        if not project.sessions("cart"):
            questions = {"plan": "cart: run_quick ", "status": "complete", "doctor": "ok     tr"}
            commands = [{"run_quick": "goal met"}, questions]
        for command in commands:
            output = project.doit(*command, expect=2)
            assert all(told in output for told in command.values()), output
            assert sum(said in line and "lab" in line for line in output.splitlines()) == len(command), output
            assert "Traceback" not in output
        odd.unlink()
        if odd.parent != project.root:
            odd.parent.rmdir()
    assert "2 file(s) are as they were adopted" in project.doit("verify", "only=checkpoints")
    assert project.sessions("odd") == []
