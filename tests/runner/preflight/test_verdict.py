"""What is known of a session to come: what `plan` says of the place where it would run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.commands.plan import show_plan
from runner.lineage import Phase
from runner.preflight.verdict import judge
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write_jobs

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

T4 = "NvidiaTeslaT4"


def on_kaggle(root: Path, **changes: Any) -> Workspace:
    """A project whose one job runs on Kaggle."""
    write_jobs(root, cart=cart_pole(backend="kaggle", **changes))
    return Workspace(root)


def accelerator(workspace: Workspace) -> str:
    """What the next session of the job would ask for."""
    return str(judge(workspace, workspace.plan("cart", "full")).settled.job["kaggle"]["accelerator"])


def test_plan_says_whether_a_session_takes_a_gpu_why_and_what_it_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_plan(on_kaggle(tmp_path), "cart")
    why = "its network of 8 parameters, trained on 32 samples at a time, trains as fast on a CPU"
    assert f"cart: asks Kaggle for no GPU, since {why}; spends no GPU quota\n" in capsys.readouterr().out
    show_plan(on_kaggle(tmp_path, policy="CnnPolicy", session_limit="3h"), "cart")
    said = f"cart: asks Kaggle for an {T4}, since its policy reads images (CnnPolicy); a session spends 3h00m of"
    assert said in capsys.readouterr().out


def test_a_run_that_began_on_a_gpu_stays_there_and_a_session_elsewhere_says_nothing_of_it(
    tmp_path: Path, cart: JobOnDisk
) -> None:
    workspace = on_kaggle(tmp_path, kaggle={"accelerator": T4})
    cart.add(Phase.RESTORED, timesteps=64, **as_wanted(workspace))
    assert accelerator(on_kaggle(tmp_path)) == T4
    assert accelerator(on_kaggle(tmp_path, kaggle={"accelerator": "none"})) == "none"
    (tmp_path / "runs").rename(tmp_path / "put away")
    local = Workspace(tmp_path / "elsewhere", "local")
    write_jobs(tmp_path / "elsewhere", cart=cart_pole())
    JobOnDisk(tmp_path / "elsewhere").add(Phase.RESTORED, timesteps=64, **as_wanted(local))
    assert accelerator(Workspace(tmp_path / "elsewhere", "kaggle")) == "none"


def test_a_session_that_was_never_submitted_has_decided_nothing(tmp_path: Path, cart: JobOnDisk) -> None:
    cart.add(Phase.PACKAGED, **as_wanted(on_kaggle(tmp_path, kaggle={"accelerator": T4})))
    assert accelerator(on_kaggle(tmp_path)) == "none"
