"""Only what changed is done again, and nothing is ever written over."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import ResumeVerdict
from tests.project import Kept, Project, cart_pole

if TYPE_CHECKING:
    from pathlib import Path

NOTHING_TO_DO = "cart: nothing to do: 64 of 64 timesteps reached in session 0001\n"


def content_of(folder: Path) -> dict[str, str]:
    """The digest of every file below `folder`."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def stages_run(output: str) -> list[str]:
    """The stages that doit said it runs, as `stage number`."""
    return [" ".join(found) for found in re.findall(r"^(\w+) +cart:(\d{4})\b", output, flags=re.MULTILINE)]


def own_job(**changes: Any) -> dict[str, Any]:
    """A job with a source of its own."""
    return cart_pole(sources=["lab"], **changes)


def own_source(project: Project) -> Path:
    """That source."""
    return project.root / "lab" / "__init__.py"


@pytest.fixture(scope="module")
def kept(shared_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The module's project as it was when its quick run was done."""
    own_source(shared_project).parent.mkdir()
    own_source(shared_project).write_text("A = 1\n", encoding="utf-8")
    shared_project.write_jobs(cart=own_job())
    shared_project.doit("run_quick")
    return Kept(shared_project, tmp_path_factory.mktemp("kept") / "project")


@pytest.fixture
def trained(kept: Kept) -> Project:
    """A project whose quick run is done."""
    return kept.again()


def test_a_comment_a_docstring_or_a_touch_reruns_nothing(trained: Project) -> None:
    source = trained.root / "trainer" / "evaluation.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace('"""Measuring', '# A comment.\n"""Still measuring', 1), encoding="utf-8")
    assert trained.doit("run_quick") == NOTHING_TO_DO
    source.touch()
    (trained.root / "jobs.yaml").touch()
    assert trained.doit("run_quick") == NOTHING_TO_DO


def edit_trainer(project: Project) -> None:
    """Change what a file of the trainer means, though not what it computes."""
    source = project.root / "trainer" / "evaluation.py"
    source.write_text(source.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")


def test_an_edited_source_does_the_session_again_in_a_folder_of_its_own(trained: Project) -> None:
    before = content_of(trained.sessions("cart")[0].path)
    own_source(trained).write_text("A = 2\n", encoding="utf-8")
    output = trained.doit("plan", "run_quick")
    assert "run_quick does session 0001 again, since its inputs changed: its sources (lab/__init__.py)" in output
    stages = stages_run(output)
    assert stages == [f"{stage} 0002" for stage in ("package", "execute", "download", "validate", "restore")]
    assert content_of(trained.sessions("cart")[0].path) == before
    assert trained.adopted("cart", 2).timesteps == 64
    assert trained.digest("cart", 1) == trained.digest("cart", 2)


def test_kaggle_relays_own_code_may_change_and_nothing_is_done_again_unasked(trained: Project) -> None:
    edit_trainer(trained)
    note = (
        "nothing to do: 64 of 64 timesteps reached in session 0001; kaggle-relay's own code changed "
        "(trainer/evaluation.py) since then: `doit redo:cart` does it again"
    )
    plan, done, status = trained.doit("plan", "run_quick", "status").partition(f"\ncart: {note}\n")
    assert f"cart: run_quick {note}" in plan
    assert done
    status = " ".join(status.split())
    assert "cart: kaggle-relay's own code changed (trainer/evaluation.py) since session 0001" in status
    assert stages_run(plan) == []
    assert len(trained.sessions("cart")) == 1


def test_what_is_asked_for_is_done_again_from_the_same_parent_and_the_old_session_stays(trained: Project) -> None:
    before = content_of(trained.sessions("cart")[0].path)
    assert "does session 0001 again, since you ask for it" in trained.doit("redo:cart")
    assert content_of(trained.sessions("cart")[0].path) == before
    assert trained.restored("cart", 2).session == "0002"
    assert trained.adopted("cart", 2).timesteps == 256


def test_a_changed_hyperparameter_does_a_finished_session_again(trained: Project) -> None:
    changed = own_job()
    changed["hyperparameters"] = {**changed["hyperparameters"], "gamma": 0.9}
    trained.write_jobs(cart=changed)
    output = trained.doit("plan", "run_quick")
    assert "since its inputs changed: hyperparameters.gamma changed from (unset) to 0.9" in output
    assert trained.digest("cart", 1) != trained.digest("cart", 2)


def test_what_does_not_touch_the_weights_reruns_nothing(trained: Project) -> None:
    trained.write_jobs(cart=own_job(save_freq=32, session_limit="1h", eval={"frequency": 64}))
    assert trained.doit("run_quick") == NOTHING_TO_DO


def test_a_changed_validation_rule_reruns_validate_and_restore_only(trained: Project) -> None:
    sessions = trained.sessions("cart")
    before = content_of(sessions[0].artifacts)
    trained.write_jobs(cart=own_job(validation={"max_artifact_files": 500}))
    assert stages_run(trained.doit("run_quick")) == ["validate 0001", "restore 0001"]
    assert content_of(sessions[0].artifacts) == before
    assert trained.doit("run_quick") == NOTHING_TO_DO


def test_a_rule_that_refuses_everything_never_starts_at_zero_and_can_be_loosened_again(trained: Project) -> None:
    trained.write_jobs(cart=own_job(validation={"max_checkpoint_bytes": 1_000}))
    output = trained.doit("run_full", expect=1)
    assert stages_run(output) == ["validate 0001", "restore 0001"]
    assert "[CHECKPOINT] Refused checkpoints/cart_checkpoint_64_steps.zip: has " in output
    assert "does not start at zero by itself: all that session 0001 left was refused" in output
    assert "run `doit fresh:cart` to start anew" in output
    trained.write_jobs(cart=own_job())
    assert "[CHECKPOINT] Resumed at 64 timesteps (exact)" in trained.doit("run_full")


def test_what_changed_under_a_run_is_recorded_and_it_is_no_longer_exact(trained: Project) -> None:
    own_source(trained).write_text("A = 2\n", encoding="utf-8")
    changed = own_job()
    changed["hyperparameters"] = {**changed["hyperparameters"], "gamma": 0.9}
    trained.write_jobs(cart=changed)
    plan, met, status = trained.doit("plan", "run_full", "status").partition("goal met")
    both = "hyperparameters.gamma changed from (unset) to 0.9; its sources changed"
    assert f"cart: run_full goes on from session 0001 at 64 of 256 timesteps ({both})\n" in plan
    assert met
    assert trained.adopted("cart", 2).resume == ResumeVerdict(
        exact=False,
        reasons=(
            "hyperparameters.gamma changed from (unset) to 0.9 at 64 timesteps",
            "the sources changed at 64 timesteps",
        ),
    )
    assert "approximate: hyperparameters.gamma changed" in " ".join(status.split())


def test_own_code_that_changed_under_a_run_is_recorded_and_said(trained: Project) -> None:
    edit_trainer(trained)
    change = "kaggle-relay's own code changed (trainer/evaluation.py)"
    plan, met, status = trained.doit("plan", "run_full", "status").partition("goal met")
    assert f"at 64 of 256 timesteps ({change})" in plan
    assert met
    assert trained.adopted("cart", 2).resume == ResumeVerdict(exact=True, changes=(f"{change} at 64 timesteps",))
    assert "exact; kaggle-relay's own code changed" in " ".join(status.split())


def test_two_packages_of_the_same_inputs_have_the_same_bytes(trained: Project) -> None:
    first = content_of(trained.sessions("cart")[0].package)
    key = trained.sessions("cart")[0].package_json.read_bytes()
    trained.doit("fresh:cart")
    for leftover in (trained.root / "runs" / ".archive").iterdir():
        leftover.rename(trained.root / leftover.name)
    trained.kill_at("execute", "package:cart:0001", "run_quick")
    assert content_of(trained.sessions("cart")[0].package) == first
    assert trained.sessions("cart")[0].package_json.read_bytes() == key


def test_looking_at_a_project_writes_nothing_but_what_it_need_not_read_again(project: Project) -> None:
    project.write_jobs(cart=cart_pole())
    project.doit("list", "--all")
    project.doit("plan", "status")
    assert {name for name in project.written() if not name.startswith(".cache/")} == set()


RUN_QUICK = """
import sys
{before}
from doit.doit_cmd import DoitMain

code = DoitMain().run(["run_quick"])
print("loaded:", *sorted({{"dodo", "msgspec", "runner.planning.decide"}} & sys.modules.keys()))
sys.exit(code)
"""
MUCH_LATER = "import runner.planning.settling; runner.planning.settling.SETTLING_NS = 0"
"""As if nothing had been written shortly before."""
AT_ONCE = "import runner.planning.settling; runner.planning.settling.SETTLING_NS = 1 << 62"
"""As if everything had."""


def run_quick(project: Project, before: str = "") -> str:
    """What `doit run_quick` prints, and which of our heavier parts it has loaded."""
    command = [sys.executable, "-c", RUN_QUICK.format(before=before)]
    return subprocess.check_output(command, cwd=project.root, encoding="utf-8")


def test_what_is_known_to_have_nothing_to_do_is_said_without_loading_anything(trained: Project) -> None:
    everything = "loaded: dodo msgspec runner.planning.decide\n"
    assert run_quick(trained, AT_ONCE) == NOTHING_TO_DO + everything
    assert run_quick(trained, MUCH_LATER) == NOTHING_TO_DO + everything
    assert run_quick(trained) == f"{NOTHING_TO_DO}loaded:\n"
    assert trained.doit("run_quick") == NOTHING_TO_DO
    assert stages_run(trained.doit("--always", "run_quick"))
    (trained.root / "jobs.yaml").touch()
    assert run_quick(trained, MUCH_LATER) == NOTHING_TO_DO + everything
    trained.sessions("cart")[0].report_json.unlink()
    assert stages_run(run_quick(trained))[0] == "validate 0001"
