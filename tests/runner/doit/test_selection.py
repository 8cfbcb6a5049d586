"""What a command line asks for."""

from __future__ import annotations

import pytest

from contract.errors import InputError
from runner.doit.selection import EVERYTHING, STAGES, select

KNOWN = ["cart", "traffic_light"]


@pytest.mark.parametrize(
    ("arguments", "tasks", "profile", "chains"),
    [
        ([], ("run_full",), "full", False),
        (["run_full"], ("run_full",), "full", False),
        (["run_quick"], ("run_quick",), "quick", False),
        (["run_quick:cart"], ("run_quick:cart",), "quick", False),
        (["run_quick", "cart"], ("run_quick:cart",), "quick", False),
        (["resume", "cart"], ("resume:cart",), "full", True),
        (["resume:cart", "resume", "traffic_light"], ("resume:cart", "resume:traffic_light"), "full", True),
        (["plan"], ("plan",), "full", False),
        (["plan", "verify"], ("plan", "verify"), "full", False),
        (["plan", "cart", "run_quick", "cart"], ("plan:cart", "run_quick:cart"), "quick", False),
        (["package:cart:0001", "run_quick"], ("package:cart:0001", "run_quick"), "quick", False),
        (["package", "cart"], ("package", "cart"), "full", False),
        (["run_full", "cart", "pole"], ("run_full:cart", "run_full:pole"), "full", False),
        (["plan", "cart", "pole", "run_quick", "'p*'"], ("plan:cart", "plan:pole", "run_quick:'p*'"), "quick", False),
        (["run_full:cart", "mine"], ("run_full:cart", "mine"), "full", False),
    ],
)
def test_a_command_line_becomes_tasks_a_profile_and_whether_to_go_on(
    arguments: list[str], tasks: tuple[str, ...], profile: str, chains: bool
) -> None:
    chosen = select(arguments)
    assert (chosen.tasks, chosen.profile, chosen.chains) == (tasks, profile, chains)
    assert chosen.command == f"doit {' '.join(tasks)}"


def test_the_status_of_one_job_is_one_task_about_that_job() -> None:
    chosen = select(["status", "cart"])
    assert chosen.tasks == ("status",)
    assert chosen.jobs(["cart", "other"]) == ["cart"]


def test_jobs_may_follow_their_task_as_words() -> None:
    known = ["cart", "other", "pole"]
    assert select(["status", "cart", "pole"]).jobs(known) == ["cart", "pole"]
    assert select(["redo", "cart", "pole"]).jobs(known) == ["cart", "pole"]
    with pytest.raises(InputError, match=r"job pool: is not in jobs.yaml; did you mean pole\?"):
        select(["run_full", "cart", "pool"]).jobs(known)


def test_several_jobs_are_not_archived_unless_they_are_named() -> None:
    with pytest.raises(InputError, match=r"would archive every job \(cart, other\); name the one"):
        select(["fresh"]).jobs(["cart", "other"])
    assert select(["fresh"]).jobs(["cart"]) == ["cart"]


def test_several_jobs_are_not_done_again_unless_they_are_named() -> None:
    with pytest.raises(InputError, match=r"would do every job again \(cart, other\); name the one .* `doit redo:name`"):
        select(["redo"]).jobs(["cart", "other"])
    assert select(["redo"]).jobs(["cart"]) == ["cart"]
    chosen = select(["redo", "other"])
    assert (chosen.tasks, chosen.profile, chosen.chains) == (("redo:other",), "full", False)
    assert (chosen.jobs(["cart", "other"]), chosen.redoes, chosen.run_task) == (["other"], True, "redo")
    assert not select(["resume:cart"]).redoes


@pytest.mark.parametrize(
    "arguments",
    [
        ["run_quick", "run_full"],
        ["resume:cart", "run_full:traffic_light"],
        ["fresh:cart", "run_full"],
        ["redo:cart", "resume"],
    ],
)
def test_two_kinds_of_run_at_once_are_refused(arguments: list[str]) -> None:
    with pytest.raises(InputError, match="at once; run one at a time") as caught:
        select(arguments)
    assert caught.value.exit_code == 2
    assert caught.value.subject == f"doit {' '.join(arguments)}"


@pytest.mark.parametrize(
    ("arguments", "jobs"),
    [
        ([], KNOWN),
        (["resume:cart"], ["cart"]),
        (["resume", "traffic_light"], ["traffic_light"]),
        (["resume:traffic_light", "resume:cart"], KNOWN),
        (["resume:cart", "plan"], KNOWN),
        (["execute:cart:0001"], ["cart"]),
        (["execute:elsewhere:0001"], []),
        (["package:*"], KNOWN),
        (["runs/cart/0001/report.json"], KNOWN),
    ],
)
def test_it_is_about_the_jobs_that_it_names_or_all(arguments: list[str], jobs: list[str]) -> None:
    assert select(arguments).jobs(KNOWN) == jobs


SEEDS = ["cart", "lights-a2c-seed0", "lights-a2c-seed1", "lights-ppo-seed0", "lights-ppo-seed1"]


@pytest.mark.parametrize(
    ("arguments", "jobs"),
    [
        (["run_full", "lights-*"], SEEDS[1:]),
        (["plan:lights-*-seed1", "plan:cart"], ["cart", "lights-a2c-seed1", "lights-ppo-seed1"]),
        (["status", "*-ppo-*"], SEEDS[3:]),
    ],
)
def test_a_pattern_is_about_the_jobs_that_it_matches(arguments: list[str], jobs: list[str]) -> None:
    assert select(arguments).jobs(SEEDS) == jobs


def test_the_entry_of_a_matrix_and_a_pattern_without_a_job_are_told_what_to_write() -> None:
    with pytest.raises(InputError) as caught:
        select(["run_full", "lights"]).jobs(SEEDS)
    expected = "it stands for 4 jobs, such as lights-a2c-seed0; all of them are 'lights-*'"
    assert str(caught.value) == f"job lights: is not in jobs.yaml; {expected}"
    with pytest.raises(InputError, match=r"job light_\*: is not in jobs.yaml"):
        select(["run_full", "light_*"]).jobs(SEEDS)


def test_a_flag_that_a_command_lacks_is_no_job() -> None:
    with pytest.raises(InputError, match="flag --fast: is unknown to this command; leave it out"):
        select(["run_full", "--fast"]).jobs(SEEDS)


def test_what_one_pattern_would_archive_is_named() -> None:
    with pytest.raises(InputError, match=r"would archive every job \(lights-ppo-seed0, lights-ppo-seed1\)"):
        select(["fresh", "*-ppo-*"]).jobs(SEEDS)


@pytest.mark.parametrize(("name", "remedy"), [("crt", "did you mean cart?"), ("zzz", "known: cart, traffic_light")])
def test_a_job_that_there_is_not_is_refused_with_the_nearest_name(name: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        select(["run_full", name]).jobs(KNOWN)
    assert str(caught.value) == f"job {name}: is not in jobs.yaml; {remedy}"


@pytest.mark.parametrize(
    ("arguments", "holds", "run_task"),
    [
        ([], True, "run_full"),
        (["resume:cart"], True, "resume"),
        (["validate:cart:0001"], True, None),
        (["fresh"], True, None),
        (["redo:cart"], True, "redo"),
        (["plan", "run_quick:cart"], True, "run_quick"),
        (["plan"], False, None),
        (["status"], False, None),
        (["verify"], False, None),
        (["cancel"], False, None),
    ],
)
def test_only_what_changes_sessions_holds_the_jobs(arguments: list[str], holds: bool, run_task: str | None) -> None:
    chosen = select(arguments)
    assert chosen.holds_jobs is holds
    assert chosen.run_task == run_task
    assert chosen.runs_sessions is (run_task is not None)


def test_every_command_but_run_is_about_all_jobs_as_the_default_is() -> None:
    assert select([]) == EVERYTHING
    assert (EVERYTHING.jobs(KNOWN), EVERYTHING.profile) == (KNOWN, "full")


@pytest.mark.parametrize(
    ("arguments", "stages"),
    [(["run_full:cart"], True), (["redo:cart"], True), (["validate:cart:0001"], True), (["plan", "fresh:cart"], False)],
)
def test_stages_are_come_past_by_runs_and_by_stages(arguments: list[str], stages: bool) -> None:
    assert select(arguments).stages == (frozenset(STAGES) if stages else frozenset())
