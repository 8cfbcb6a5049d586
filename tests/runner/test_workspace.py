"""What is planned for the jobs of a project, and which session is live."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import trainer
from contract.errors import InputError
from contract.libraries import library_versions
from runner.backends.registry import BACKENDS
from runner.lineage import Phase
from runner.planning.decide import Attach, Continue, Finish, Nothing, Redo, Refuse, Rejudge, Start
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from runner.planning.wanted import Profile


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project with one job, of which nothing has run."""
    write_jobs(tmp_path, cart=cart_pole())
    return Workspace(tmp_path)


def planned(workspace: Workspace, profile: Profile = "full") -> tuple[object, list[tuple[str, str | None, int]]]:
    """The decision, and each live session with its parent and its goal."""
    plan = workspace.plan("cart", profile)
    live = workspace.live_sessions(plan)
    assert all(each.why == str(plan.decision) for each in live)
    return plan.decision, [(each.name, each.parent.number if each.parent else None, each.goal) for each in live]


def test_a_first_session_is_planned_and_nothing_is_written(workspace: Workspace, cart: JobOnDisk) -> None:
    assert planned(workspace) == (Start(256), [("cart:0001", None, 256)])
    assert planned(workspace, "quick") == (Start(64), [("cart:0001", None, 64)])
    assert not cart.runs.path.exists()


def test_the_next_session_waits_for_what_its_parent_restored(workspace: Workspace, cart: JobOnDisk) -> None:
    folder = cart.add(Phase.RESTORED, timesteps=96, **as_wanted(workspace))
    assert planned(workspace) == (Continue(1, 96, 256), [("cart:0002", "0001", 256)])
    (live,) = workspace.live_sessions(workspace.plan("cart", "full"))
    assert live.parents == [folder.restored_json]


def test_it_goes_on_from_the_session_that_made_the_checkpoint(workspace: Workspace, cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96, **as_wanted(workspace))
    cart.add(Phase.RESTORED, parent=cart.checkpoint(1, 96), **as_wanted(workspace))
    assert planned(workspace) == (Continue(1, 96, 256), [("cart:0003", "0001", 256)])


def test_an_unfinished_session_keeps_its_own_parent_and_goal(workspace: Workspace, cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96, **as_wanted(workspace))
    cart.add(Phase.SUBMITTED, parent=cart.checkpoint(1, 96), goal=128)
    assert planned(workspace) == (Attach(2, "local", 128), [("cart:0002", "0001", 128)])


def test_a_session_between_two_stages_is_finished(workspace: Workspace, cart: JobOnDisk) -> None:
    cart.add(Phase.DOWNLOADED, goal=64)
    assert planned(workspace) == (Finish(1, Phase.DOWNLOADED, 64), [("cart:0001", None, 64)])


def test_a_session_that_is_done_again_gets_a_number_of_its_own_and_the_same_parent(
    workspace: Workspace, cart: JobOnDisk
) -> None:
    up_to_date = as_wanted(workspace)
    cart.add(Phase.RESTORED, timesteps=128, **up_to_date)
    edited = up_to_date | {"sources": msgspec.structs.replace(up_to_date["sources"], content="other", meaning="other")}
    cart.add(Phase.RESTORED, timesteps=256, parent=cart.checkpoint(1, 128), **edited)
    assert planned(workspace) == (Redo(2, 1, ("its sources",), 256), [("cart:0003", "0001", 256)])


def test_a_first_session_is_done_again_from_zero(workspace: Workspace, cart: JobOnDisk) -> None:
    up_to_date = as_wanted(workspace)
    cart.add(Phase.RESTORED, timesteps=256, **up_to_date)
    write_jobs(cart.runs.root, cart=cart_pole(seed=6))
    changed = Workspace(cart.runs.root)
    assert planned(changed) == (Redo(1, None, ("seed changed from 5 to 6",), 256), [("cart:0002", None, 256)])


def test_a_job_that_never_ran_is_not_done_again(workspace: Workspace) -> None:
    with pytest.raises(InputError) as refused:
        Workspace(workspace.runs.root, "docker").plan("cart", "full", redo=True)
    assert str(refused.value) == (
        "job cart: has no session that could be done again; `doit resume:cart backend=docker` begins its first"
    )


def test_a_goal_that_is_met_leaves_only_the_newest_session_live(workspace: Workspace, cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=128, **as_wanted(workspace))
    cart.add(Phase.RESTORED, timesteps=256, parent=cart.checkpoint(1, 128), **as_wanted(workspace))
    assert planned(workspace) == (Nothing(2, 256, 256), [("cart:0002", "0001", 256)])


def test_other_validation_rules_judge_the_newest_session_again(workspace: Workspace, cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=256, **as_wanted(workspace))
    assert isinstance(planned(workspace)[0], Nothing)
    write_jobs(cart.runs.root, cart=cart_pole(validation={"max_artifact_files": 7}))
    assert planned(Workspace(cart.runs.root)) == (Rejudge(1), [("cart:0001", None, 256)])


def test_what_a_refused_job_has_is_left_alone(workspace: Workspace, cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=128, **as_wanted(workspace))
    write_jobs(cart.runs.root, cart=cart_pole(algorithm="A2C", hyperparameters={"n_steps": 32}))
    decision, live = planned(Workspace(cart.runs.root))
    assert isinstance(decision, Refuse)
    assert live == [("cart:0001", None, 256)]


def test_a_lost_folder_is_one_sentence(workspace: Workspace, cart: JobOnDisk) -> None:
    folder = cart.add(Phase.SUBMITTED)
    plan = workspace.plan("cart", "full")
    shutil.rmtree(folder.path)
    lost = type(plan)(plan.wanted, cart.lineage, plan.decision)
    with pytest.raises(InputError, match="job cart: has lost a session's folder; run `doit fresh:cart`"):
        workspace.live_sessions(lost)


def test_a_backend_of_the_command_line_overrides_the_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "elsewhere", BACKENDS["local"])
    write_jobs(tmp_path, cart=cart_pole())
    here, there = Workspace(tmp_path).plan("cart", "full"), Workspace(tmp_path, "elsewhere").plan("cart", "full")
    assert (here.wanted.job["backend"], there.wanted.job["backend"]) == ("local", "elsewhere")
    assert here.wanted.inputs == there.wanted.inputs  # where it runs makes nothing stale
    assert here.wanted.libraries == library_versions()
    assert there.wanted.libraries == {}  # not known until it runs


def test_a_job_goes_on_elsewhere_from_what_it_learned_here(
    workspace: Workspace, cart: JobOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKENDS, "elsewhere", BACKENDS["local"])
    cart.add(Phase.RESTORED, timesteps=96, **as_wanted(workspace))
    decision, _ = planned(Workspace(cart.runs.root, "elsewhere"))
    assert decision == Continue(1, 96, 256)


def test_an_unknown_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="backend: unknown backend 'moon'; choose one of ") as caught:
        Workspace(tmp_path, "moon")
    assert caught.value.exit_code == 2


def test_a_session_carries_the_trainer_and_the_jobs_own_sources(tmp_path: Path) -> None:
    (tmp_path / "my_env").mkdir()
    (tmp_path / "my_env" / "__init__.py").write_text("X = 1\n", encoding="utf-8")
    write_jobs(tmp_path, cart=cart_pole(sources=["my_env"]))
    workspace = Workspace(tmp_path)
    plan = workspace.plan("cart", "full")
    names = workspace.sources(plan).paths.keys()
    assert {"my_env/__init__.py", "trainer/__main__.py"} <= names
    assert {name.split("/")[0] for name in names} == {"contract", "job", "trainer", "my_env"}
    folders = workspace.source_folders(plan.wanted.job)
    assert [folder.name for folder in folders] == ["contract", "job", "trainer", "my_env"]
    assert folders[2].samefile(trainer.__path__[0])


def test_what_cannot_be_carried_concerns_the_jobs_that_carry_it(tmp_path: Path) -> None:
    for folder in ("odd", "fine"):
        (tmp_path / folder).mkdir()
    (tmp_path / "odd" / "link.py").symlink_to(tmp_path / "jobs.yaml")
    write_jobs(tmp_path, cart=cart_pole(sources=["odd"]), other=cart_pole(sources=["fine"]))
    workspace = Workspace(tmp_path)
    with pytest.raises(InputError) as caught:
        workspace.plan("cart", "full")
    assert str(caught.value).startswith("sources odd: odd/link.py is a link that leads out of the folder; ")
    plan = workspace.plan("other", "full")
    assert "fine" in [folder.name for folder in workspace.source_folders(plan.wanted.job)]


def test_what_was_read_is_kept_when_it_is_told_to(workspace: Workspace, cart: JobOnDisk) -> None:
    wanted = workspace.plan("cart", "full").wanted
    workspace.remember()
    assert sorted(path.stem for path in (cart.runs.path / ".cache").iterdir()) == ["jobs", "sources", "sources-files"]
    assert Workspace(cart.runs.root).plan("cart", "full").wanted == wanted


@pytest.mark.parametrize(
    ("change", "is_another"), [({}, False), ({"validation": {"max_checkpoint_bytes": 9}}, True), ({"seed": 1}, False)]
)
def test_the_rules_of_a_job_are_its_limits_and_the_code_that_applies_them(
    workspace: Workspace, tmp_path: Path, change: dict[str, Any], is_another: bool
) -> None:
    before = workspace.plan("cart", "full").wanted.rules
    write_jobs(tmp_path, cart=cart_pole(**change))
    now = Workspace(tmp_path).plan("cart", "full").wanted.rules
    assert (now != before) is is_another
    assert now.code == before.code
    assert now.code["meaning"]


def test_a_group_is_no_part_of_what_a_session_is_packaged_from(tmp_path: Path) -> None:
    write_jobs(tmp_path, cart=cart_pole())
    before = Workspace(tmp_path).wanted("cart", "full")
    write_jobs(tmp_path, cart=cart_pole(group="carts"))
    workspace = Workspace(tmp_path)
    assert workspace.group("cart") == "carts"
    assert workspace.wanted("cart", "full").job == before.job


def test_the_name_of_a_group_is_a_name(tmp_path: Path) -> None:
    write_jobs(tmp_path, cart=cart_pole(group="../carts"))
    with pytest.raises(InputError, match="must begin with a letter and have"):
        assert Workspace(tmp_path).jobs
