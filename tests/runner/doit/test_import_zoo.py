"""`doit import-zoo`, as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.project import cart_pole

if TYPE_CHECKING:
    from tests.project import Project

ENTRY = "Walk-v3:\n  n_timesteps: !!float 1e5\n  n_steps: 64\n  normalize: true\n"


def test_an_entry_is_printed_or_becomes_a_job(project: Project) -> None:
    project.write_jobs(pole=cart_pole())
    (project.root / "ppo.yml").write_text(ENTRY, encoding="utf-8")
    printed = project.doit("import-zoo", "ppo.yml", "Walk-v3")
    assert printed.startswith("jobs:\n  # ppo.yml, Walk-v3; each of its lines, and what it is here\n")
    before = (project.root / "jobs.yaml").read_text(encoding="utf-8")
    assert "has no entry Walk-v4; did you mean Walk-v3?" in project.doit("import-zoo", "ppo.yml", "Walk-v4", expect=2)
    assert "write `doit import-zoo ppo.yml CartPole-v1`" in project.doit("import-zoo", "ppo.yml", expect=2)
    assert (project.root / "jobs.yaml").read_text(encoding="utf-8") == before
    assert "has the job walk-v3 now" in project.doit("import-zoo", "ppo.yml", "Walk-v3", "--write")
    assert "walk-v3" in project.doit("status")
