"""What a job's next session is, decision by decision."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.documents.runs import Identity, Rules
from runner.lineage import Phase
from runner.planning.decide import (
    Attach,
    Blocked,
    Continue,
    Decision,
    Finish,
    Nothing,
    Redo,
    Refuse,
    Rejudge,
    Start,
    decide,
)
from tests.project import cart_pole
from tests.runner.conftest import LIBRARIES, SOURCES, JobOnDisk, job_json, wanted, write

if TYPE_CHECKING:
    from runner.planning.wanted import Profile

EDITED = Identity(content="1" * 64, meaning="2" * 64, python="3.12")
COMMENTED = msgspec.structs.replace(SOURCES, content="3" * 64)
OTHER_PYTHON = msgspec.structs.replace(COMMENTED, python="3.11")


def with_hyperparameters(**changes: Any) -> dict[str, Any]:
    """The job with other hyperparameters."""
    return job_json(hyperparameters={**cart_pole()["hyperparameters"], **changes})


RULES = Rules(job={"max_artifact_files": 500}, code={"meaning": "m", "python": "3.12"})


def test_a_job_without_sessions_starts_at_zero(cart: JobOnDisk) -> None:
    decision = decide(wanted(), cart.lineage)
    assert decision == Start(256)
    assert str(decision) == "starts at 0 of 256 timesteps"


def test_a_session_restored_without_any_checkpoint_leads_to_a_start_at_zero(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED)
    assert decide(wanted(), cart.lineage) == Start(256)


def test_a_goal_ahead_goes_on_from_the_adopted_checkpoint(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96)
    decision = decide(wanted(), cart.lineage)
    assert decision == Continue(parent=1, timesteps=96, goal=256)
    assert str(decision) == "goes on from session 0001 at 96 of 256 timesteps"


def test_a_session_that_left_nothing_of_its_own_hands_on_what_it_went_on_from(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96)
    cart.add(Phase.RESTORED, parent=cart.checkpoint(1, 96))
    assert decide(wanted(), cart.lineage) == Continue(parent=1, timesteps=96, goal=256)


@pytest.mark.parametrize(
    ("job", "change"),
    [
        (with_hyperparameters(gamma=0.9), "hyperparameters.gamma changed from (unset) to 0.9"),
        (with_hyperparameters(n_epochs=3), "hyperparameters.n_epochs changed from 2 to 3"),
        (job_json(seed=6), "seed changed from 5 to 6"),
        (job_json(env={"id": "CartPole-v1", "n_envs": 4}), "env.n_envs changed from 2 to 4"),
    ],
)
def test_a_compatible_change_goes_on_and_is_recorded(cart: JobOnDisk, job: dict[str, Any], change: str) -> None:
    cart.add(Phase.RESTORED, timesteps=96)
    decision = decide(wanted(job), cart.lineage)
    assert decision == Continue(1, 96, 256, (change,))
    assert str(decision) == f"goes on from session 0001 at 96 of 256 timesteps ({change})"


STOPS = [{"lab:Stop": {"episodes": 3}}]


def ended_by_a_callback(cart: JobOnDisk, profile: Profile = "full") -> None:
    """A session whose checkpoint says that a callback has ended the job."""
    job = job_json(callbacks=STOPS)
    cart.add(Phase.RESTORED, timesteps=96, job=job, profile=profile)
    restored = json.loads(cart.runs.session(cart.name, 1).restored_json.read_text(encoding="utf-8"))
    restored["checkpoint"]["stopped_by"] = "lab:Stop"
    write(cart.runs.session(cart.name, 1).restored_json, restored)


def test_what_a_callback_has_ended_is_met_until_it_is_another(cart: JobOnDisk) -> None:
    ended_by_a_callback(cart)
    for goal in (256, 5_000):
        decision = decide(wanted(job_json(callbacks=STOPS, total_timesteps=goal)), cart.lineage)
        assert decision == Nothing(1, 96, goal, "lab:Stop has ended it there")
    other = [{"lab:Stop": {"episodes": 4}}]
    change = f"callbacks changed from {STOPS} to {other}"
    assert decide(wanted(job_json(callbacks=other)), cart.lineage) == Continue(1, 96, 256, (change,))
    without = f"callbacks changed from {STOPS} to (unset)"
    assert decide(wanted(), cart.lineage) == Continue(1, 96, 256, (without,))


def test_what_a_callback_has_ended_is_done_again_where_other_inputs_changed(cart: JobOnDisk) -> None:
    ended_by_a_callback(cart)
    assert isinstance(decide(wanted(job_json(callbacks=STOPS, seed=6)), cart.lineage), Redo)


def test_a_quick_run_that_a_callback_has_ended_is_gone_on_with_in_full(cart: JobOnDisk) -> None:
    ended_by_a_callback(cart, "quick")
    assert decide(wanted(job_json(callbacks=STOPS)), cart.lineage) == Continue(1, 96, 256)


def test_a_raised_goal_or_save_frequency_is_no_change(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=256)
    job = job_json(total_timesteps=5_000, save_freq=10, session_limit="1h", eval={"frequency": 64})
    assert decide(wanted(job), cart.lineage) == Continue(1, 256, 5_000)


@pytest.mark.parametrize(
    ("job", "field", "theirs", "ours"),
    [
        (
            job_json(algorithm="A2C", hyperparameters={"n_steps": 32, "policy_kwargs": {"net_arch": [8]}}),
            "algorithm",
            "PPO",
            "A2C",
        ),
        (with_hyperparameters(policy_kwargs={"net_arch": [16]}), "hyperparameters.policy_kwargs.net_arch", [8], [16]),
        (job_json(env={"id": "CartPole-v1", "wrapper": "VecNormalize"}), "env.wrapper", None, "VecNormalize"),
    ],
)
@pytest.mark.parametrize("timesteps", [96, 256])
def test_a_change_that_the_checkpoint_does_not_survive_is_refused(
    cart: JobOnDisk, job: dict[str, Any], field: str, theirs: object, ours: object, timesteps: int
) -> None:
    cart.add(Phase.RESTORED, timesteps=timesteps)
    decision = decide(wanted(job), cart.lineage)
    assert decision == Refuse("cart", 1, field, theirs, ours)
    assert str(decision) == (
        f"refused: {field} is {theirs} in the checkpoint of session 0001 and {ours} in the job; "
        "run `doit fresh:cart` to archive the lineage and start anew, or change it back"
    )


def test_a_checkpoint_of_another_major_version_is_refused(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96)
    decision = decide(wanted(libraries=LIBRARIES | {"torch": "3.0.0"}), cart.lineage)
    assert decision == Refuse("cart", 1, "libraries.torch", LIBRARIES["torch"], "3.0.0")


def test_other_versions_are_gone_on_with_and_recorded(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96)
    decision = decide(wanted(libraries=LIBRARIES | {"torch": "2.99.0"}), cart.lineage)
    assert decision == Continue(1, 96, 256, (f"libraries.torch changed from {LIBRARIES['torch']} to 2.99.0",))


def test_the_gpu_of_the_session_before_is_for_the_next_one_to_compare_with(cart: JobOnDisk) -> None:
    checkpoint = cart.checkpoint(1, 96)
    checkpoint["libraries"] = LIBRARIES | {"gpu": "Tesla T4", "gpu-driver": "550.54", "tf32": "off"}
    cart.add(Phase.RESTORED, parent=checkpoint)
    assert decide(wanted(), cart.lineage) == Continue(1, 96, 256)


def test_versions_that_are_not_known_yet_refuse_nothing(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96)
    assert decide(wanted(libraries={}), cart.lineage) == Continue(1, 96, 256)


@pytest.mark.parametrize("timesteps", [256, 320])
def test_a_goal_that_is_met_needs_nothing(cart: JobOnDisk, timesteps: int) -> None:
    cart.add(Phase.RESTORED, timesteps=timesteps)
    decision = decide(wanted(), cart.lineage)
    assert decision == Nothing(1, timesteps, 256)
    assert str(decision) == f"nothing to do: {timesteps} of 256 timesteps reached in session 0001"


def test_comments_and_another_python_with_the_same_bytes_are_no_change(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=256)
    assert isinstance(decide(wanted(sources=COMMENTED), cart.lineage), Nothing)
    assert isinstance(
        decide(wanted(sources=msgspec.structs.replace(SOURCES, python="3.13", meaning="?")), cart.lineage), Nothing
    )


@pytest.mark.parametrize("sources", [EDITED, OTHER_PYTHON])
def test_edited_sources_do_a_finished_session_again_from_zero(cart: JobOnDisk, sources: Identity) -> None:
    cart.add(Phase.RESTORED, timesteps=256)
    decision = decide(wanted(sources=sources), cart.lineage)
    assert decision == Redo(session=1, parent=None, changes=("its sources",), goal=256)
    assert str(decision) == "does session 0001 again, since its inputs changed: its sources"


def table(**meanings: str) -> dict[str, list[str]]:
    """Digests of sources by name."""
    return {f"lab/{name}.py": [meaning, meaning] for name, meaning in meanings.items()}


@pytest.mark.parametrize(
    ("packaged", "now", "words"),
    [
        (table(a="1", b="1"), table(a="1", b="2"), "its sources (lab/b.py)"),
        (table(a="1", b="1"), table(b="1", c="1"), "its sources (lab/a.py, lab/c.py)"),
        (
            table(**dict.fromkeys("abcde", "1")),
            table(a="1"),
            "its sources (lab/b.py, lab/c.py, lab/d.py and 1 more)",
        ),
        (table(a="1", b="1", c="1"), table(d="1"), "its sources (lab/a.py, lab/b.py, lab/c.py and 1 more)"),
        (table(a="1", b="1"), table(c="1"), "its sources (lab/a.py, lab/b.py, lab/c.py)"),
        (table(a="1"), {}, "its sources"),
        ({}, table(a="1"), "its sources"),
        (None, table(a="1"), "its sources"),
    ],
)
def test_sources_that_changed_are_named(
    cart: JobOnDisk, packaged: dict[str, list[str]] | None, now: dict[str, list[str]], words: str
) -> None:
    folder = cart.add(Phase.RESTORED, timesteps=256)
    if packaged is not None:
        write(folder.sources_table, packaged)
    decision = decide(wanted(sources=EDITED, source_table=lambda: now), cart.lineage)
    assert decision == Redo(session=1, parent=None, changes=(words,), goal=256)


def test_sources_that_another_python_read_are_not_named_one_by_one(cart: JobOnDisk) -> None:
    write(cart.add(Phase.RESTORED, timesteps=256).sources_table, table(a="1"))
    decision = decide(wanted(sources=OTHER_PYTHON, source_table=lambda: table(a="2")), cart.lineage)
    assert decision == Redo(session=1, parent=None, changes=("its sources",), goal=256)


def test_a_replay_buffer_ties_a_run_to_its_number_of_environments(cart: JobOnDisk) -> None:
    folder = cart.add(Phase.RESTORED, timesteps=96)
    document = json.loads(folder.restored_json.read_text(encoding="utf-8"))
    document["checkpoint"]["replay"] = {"folder": "", "bytes": 0, "segments": []}
    write(folder.restored_json, document)
    decision = decide(wanted(job_json(env={"id": "CartPole-v1", "n_envs": 4})), cart.lineage)
    assert decision == Refuse("cart", 1, "env.n_envs", 2, 4)


def test_what_was_refused_whole_is_not_started_over(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=None)
    path = cart.lineage.sessions[0].folder.restored_json
    document = json.loads(path.read_text(encoding="utf-8")) | {"refused": ["a.zip: is cut off"]}
    path.write_text(json.dumps(document), encoding="utf-8")
    decision = decide(wanted(), cart.lineage)
    assert decision == Blocked("cart", 1, ("a.zip: is cut off",))
    assert "all that session 0001 left was refused (a.zip: is cut off)" in str(decision)


def test_a_packaged_redo_is_taken_up_again(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=256)
    cart.add(Phase.PACKAGED, sources=EDITED)
    assert decide(wanted(sources=EDITED), cart.lineage) == Finish(2, Phase.PACKAGED, 256)


def test_what_was_cut_into_sessions_is_done_again_from_where_it_began(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=64, profile="quick")
    cart.add(Phase.RESTORED, timesteps=128, parent=cart.checkpoint(1, 64))
    cart.add(Phase.RESTORED, timesteps=256, parent=cart.checkpoint(2, 128))
    decision = decide(wanted(sources=EDITED), cart.lineage)
    assert decision == Redo(session=3, parent=1, changes=("its sources",), goal=256)


def test_a_lowered_goal_is_redone_from_a_parent_below_it(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=128, profile="quick")
    cart.add(Phase.RESTORED, timesteps=256, parent=cart.checkpoint(1, 128))
    decision = decide(wanted(job_json(total_timesteps=128), sources=EDITED), cart.lineage)
    assert decision == Redo(session=2, parent=None, changes=("its sources",), goal=128)


def adopted(cart: JobOnDisk, timesteps: int) -> None:
    """Session 0001, which took in a checkpoint from elsewhere."""
    folder = cart.add(Phase.RESTORED, timesteps=timesteps)
    package = json.loads(folder.package_json.read_text(encoding="utf-8"))
    package["files"] = {"adopted.json": {"bytes": 2, "sha256": "0" * 64}}
    write(folder.package_json, package)


def test_what_began_elsewhere_is_done_again_from_there(cart: JobOnDisk) -> None:
    adopted(cart, 128)
    assert decide(wanted(), cart.lineage) == Continue(parent=1, timesteps=128, goal=256)
    cart.add(Phase.RESTORED, timesteps=192, parent=cart.checkpoint(1, 128))
    cart.add(Phase.RESTORED, timesteps=256, parent=cart.checkpoint(2, 192))
    changed = decide(wanted(sources=EDITED), cart.lineage)
    assert changed == Redo(session=3, parent=1, changes=("its sources",), goal=256)
    assert decide(wanted(redo=True), cart.lineage) == Redo(session=3, parent=1, changes=(), goal=256)


@pytest.mark.parametrize("redo", [True, False])
def test_what_began_elsewhere_is_never_begun_at_zero(cart: JobOnDisk, *, redo: bool) -> None:
    adopted(cart, 256)
    decision = decide(wanted(sources=EDITED, redo=redo), cart.lineage)
    assert isinstance(decision, Nothing)
    assert "cannot be done again from before that" in str(decision)
    cart.add(Phase.RESTORED, timesteps=300, parent=cart.checkpoint(1, 256))
    assert isinstance(decide(wanted(sources=EDITED, redo=redo), cart.lineage), Nothing)


def test_a_changed_hyperparameter_does_a_finished_session_again_from_its_own_parent(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=128, profile="quick")
    cart.add(Phase.RESTORED, timesteps=256, parent=cart.checkpoint(1, 128))
    decision = decide(wanted(with_hyperparameters(gamma=0.9), sources=EDITED), cart.lineage)
    changes = ("hyperparameters.gamma changed from (unset) to 0.9", "its sources")
    assert decision == Redo(session=2, parent=1, changes=changes, goal=256)


def test_edited_sources_with_a_goal_ahead_go_on(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96)
    assert isinstance(decide(wanted(sources=EDITED), cart.lineage), Continue)


def test_a_session_of_the_other_profile_is_not_done_again(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=256, profile="full")
    quick = wanted(job_json(total_timesteps=64), "quick", sources=EDITED)
    assert decide(quick, cart.lineage) == Nothing(1, 256, 64)
    assert isinstance(decide(wanted(sources=EDITED), cart.lineage), Redo)


def test_a_session_that_only_inherited_its_checkpoint_is_not_done_again(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=256)
    cart.add(Phase.RESTORED, parent=cart.checkpoint(1, 256))
    assert decide(wanted(sources=EDITED), cart.lineage) == Nothing(2, 256, 256)


@pytest.mark.parametrize("timesteps", [None, 96, 256])
def test_what_other_rules_judged_is_judged_again_first(cart: JobOnDisk, timesteps: int | None) -> None:
    cart.add(Phase.RESTORED, timesteps=timesteps, rules={"job": {"max_artifact_files": 1}})
    decision = decide(wanted(rules=RULES), cart.lineage)
    assert decision == Rejudge(session=1)
    assert str(decision) == "judges what session 0001 left again, since the validation rules changed"


def test_what_the_same_rules_judged_stands_and_an_unfinished_session_comes_first(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96, rules=RULES)
    assert decide(wanted(rules=RULES), cart.lineage) == Continue(1, 96, 256)
    cart.add(Phase.SUBMITTED, parent=cart.checkpoint(1, 96))
    assert isinstance(decide(wanted(), cart.lineage), Attach)


@pytest.mark.parametrize("entry", ["SUBMITTING", "SUBMITTED", "ENDED"])
def test_a_submitted_session_is_attached_to_whatever_is_wanted(cart: JobOnDisk, entry: str) -> None:
    cart.add(Phase.RESTORED, timesteps=96)
    cart.add(Phase.SUBMITTED, parent=cart.checkpoint(1, 96), goal=128, ledger={"entry": entry})
    decision = decide(wanted(with_hyperparameters(gamma=0.9), sources=EDITED), cart.lineage)
    assert decision == Attach(session=2, backend="local", goal=128, is_certain=entry != "SUBMITTING")
    told = "attaches to session 0002, which was submitted to the local backend"
    if entry == "SUBMITTING":
        told = "asks the local backend whether session 0002, which may run there, does"
    assert str(decision) == told


@pytest.mark.parametrize("phase", [Phase.EXECUTED, Phase.DOWNLOADED, Phase.VALIDATED])
def test_a_session_between_two_stages_is_finished_whatever_is_wanted(cart: JobOnDisk, phase: Phase) -> None:
    cart.add(phase, goal=64, profile="quick")
    decision = decide(wanted(sources=EDITED), cart.lineage)
    assert decision == Finish(session=1, phase=phase, goal=64)
    assert str(decision) == f"finishes session 0001, which is {phase.name.lower()}"


def test_a_sealed_session_that_is_still_wanted_is_finished(cart: JobOnDisk) -> None:
    cart.add(Phase.PACKAGED)
    assert decide(wanted(), cart.lineage) == Finish(1, Phase.PACKAGED, 256)
    assert decide(wanted(sources=COMMENTED), cart.lineage) == Finish(1, Phase.PACKAGED, 256)


@pytest.mark.parametrize(
    "now",
    [
        wanted(sources=EDITED),
        wanted(with_hyperparameters(gamma=0.9)),
        wanted(job_json(total_timesteps=512)),
        wanted(job_json(save_freq=32)),
    ],
)
def test_a_sealed_session_that_is_no_longer_wanted_is_superseded(cart: JobOnDisk, now: Any) -> None:
    cart.add(Phase.PACKAGED)
    assert decide(now, cart.lineage) == Start(now.goal)
    assert cart.lineage.next_number == 2


def test_a_sealed_session_with_another_parent_is_superseded(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96)
    cart.add(Phase.PACKAGED)  # from zero, although there is a checkpoint
    assert decide(wanted(), cart.lineage) == Continue(1, 96, 256)
    cart.add(Phase.PACKAGED, parent=cart.checkpoint(1, 96))
    assert decide(wanted(), cart.lineage) == Finish(3, Phase.PACKAGED, 256)


def test_a_planned_folder_without_a_package_is_as_good_as_none(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=96)
    cart.add(Phase.PLANNED, parent=cart.checkpoint(1, 96))
    assert decide(wanted(), cart.lineage) == Continue(1, 96, 256)
    assert cart.lineage.next_number == 2


JOBS = (job_json(), with_hyperparameters(gamma=0.9), job_json(total_timesteps=64), job_json(policy="MlpPolicy", seed=9))
INCOMPATIBLE = job_json(algorithm="A2C", hyperparameters={"n_steps": 32, "policy_kwargs": {"net_arch": [8]}})
session = st.fixed_dictionaries(
    {
        "phase": st.sampled_from(Phase),
        "timesteps": st.sampled_from([None, 64, 128, 256, 320]),
        "job": st.sampled_from(JOBS),
        "profile": st.sampled_from(["quick", "full"]),
        "goal": st.sampled_from([64, 256]),
        "sources": st.sampled_from([SOURCES, EDITED, COMMENTED]),
        "rules": st.sampled_from([RULES, Rules()]),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    sessions=st.lists(session, max_size=4),
    job=st.sampled_from([*JOBS, INCOMPATIBLE]),
    profile=st.sampled_from(["quick", "full"]),
    sources=st.sampled_from([SOURCES, EDITED]),
)
def test_whatever_is_on_disk_there_is_a_decision_and_none_throws_a_checkpoint_away(
    sessions: list[dict[str, Any]], job: dict[str, Any], profile: Profile, sources: Identity
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        on_disk = JobOnDisk(Path(folder))
        for each in sessions:
            tip = on_disk.lineage.tip
            on_disk.add(**each, parent=tip.restored.checkpoint if tip else None)
        now = wanted(job, profile, sources=sources, rules=RULES)
        lineage = on_disk.lineage
        decision: Decision = decide(now, lineage)
        assert decide(now, on_disk.lineage) == decision
        assert str(decision)
        tip = lineage.tip
        adopted = tip.restored.checkpoint if tip else None
        if adopted is not None:
            assert not isinstance(decision, Start)
            if adopted.timesteps < now.goal and job is not INCOMPATIBLE:
                assert isinstance(decision, Continue | Attach | Finish | Rejudge)
        if isinstance(decision, Continue):
            assert adopted is not None
            assert decision.parent == int(adopted.session)
