"""A backend that another distribution brings: found by its entry point, and no stage knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.storage import files
from tests.elsewhere import install_moon
from tests.project import cart_pole

if TYPE_CHECKING:
    from tests.project import Project


@pytest.mark.slow
def test_a_job_trains_on_a_backend_of_another_distribution(project: Project) -> None:
    project.write_jobs(cart=cart_pole(backend="moon", moon={"crater": "plato"}))
    assert 'unknown backend "moon"; write local, docker, kaggle, slurm or ray' in project.doit("run_quick", expect=2)
    install_moon(project.root)
    first = project.doit("run_quick")
    assert first.count("lands in plato") == 1
    assert first.count("the moon is closed") == 3, "once for each of package, execute and download"
    second = project.doit("run_full")
    assert "goal met" in second
    sessions = project.sessions("cart")
    flights = [files.read_json(session.package / "flight.json") for session in sessions]
    assert flights == [{"crater": "plato", "goes_on": False}, {"crater": "plato", "goes_on": True}]
    for session in sessions:
        assert (session.payload / "map.txt").read_bytes() == b"craters"
        assert "moon" not in files.read_json(session.payload / "job.json"), "what says where it runs stays here"
        assert files.read_json(session.package_json)["job"]["moon"] == {"crater": "plato", "rovers": 1}
        assert files.read_json(session.execution_json)["backend"] == "moon"
    project.write_jobs(cart=cart_pole(backend="moon", moon={"carter": "plato"}))
    assert "jobs.cart.moon.carter: unknown key; did you mean crater?" in project.doit("plan", expect=2)
