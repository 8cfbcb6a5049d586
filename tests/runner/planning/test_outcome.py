"""What came of a job's run, in one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from contract.errors import IncompatibleError, InputError, SessionError
from runner.lineage import Phase
from runner.planning.outcome import announce
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write, write_jobs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project with one job, of which nothing has run."""
    write_jobs(tmp_path, cart=cart_pole())
    return Workspace(tmp_path)


@pytest.mark.parametrize(
    ("timesteps", "changes", "sentence"),
    [
        (256, {}, "cart: session 0001 reached 256 of 256 timesteps: goal met\n"),
        (320, {}, "cart: session 0001 reached 320 of 256 timesteps: goal met\n"),
        (
            96,
            {"outcome": {"interrupted_by": "session limit"}},
            "cart: session 0001 reached 96 of 256 timesteps and ended: session limit\n",
        ),
    ],
)
def test_a_session_that_ended_in_good_order_is_announced(
    workspace: Workspace,
    cart: JobOnDisk,
    capsys: pytest.CaptureFixture[str],
    timesteps: int,
    changes: dict[str, Any],
    sentence: str,
) -> None:
    planned = workspace.plan("cart", "full")
    cart.add(Phase.RESTORED, timesteps=timesteps, **changes)
    announce(workspace, planned)
    assert capsys.readouterr().out == sentence


def test_a_session_that_a_callback_has_ended_has_met_its_goal(
    workspace: Workspace, cart: JobOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = workspace.plan("cart", "full")
    path = cart.add(Phase.RESTORED, timesteps=96).restored_json
    restored = json.loads(path.read_text(encoding="utf-8"))
    restored["checkpoint"]["stopped_by"] = "lab:Stop"
    write(path, restored)
    announce(workspace, planned)
    said = "cart: session 0001 reached 96 of 256 timesteps: goal met, as lab:Stop has ended it\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("timesteps", "changes", "ending"),
    [
        (
            96,
            {"execution": {"state": "FAILED", "reason": "out of memory"}},
            "reached 96 of 256 timesteps and ended: out of memory",
        ),
        (
            96,
            {
                "execution": {"state": "FAILED", "reason": "exit code 1"},
                "outcome": {"error": "ValueError: no such lane", "interrupted_by": "ValueError"},
            },
            "reached 96 of 256 timesteps and ended: ValueError: no such lane",
        ),
        (
            96,
            {"execution": {"state": "CANCELLED", "reason": "asked to stop (SIGTERM)"}},
            "reached 96 of 256 timesteps and ended: asked to stop (SIGTERM)",
        ),
        (None, {"execution": {"state": "FAILED", "reason": "killed"}}, "reached 0 of 256 timesteps and ended: killed"),
        (96, {}, "reached 96 of 256 timesteps: what it left beyond that was refused"),
    ],
)
def test_a_session_that_failed_is_an_error_that_says_how_to_go_on(
    workspace: Workspace, cart: JobOnDisk, timesteps: int | None, changes: dict[str, Any], ending: str
) -> None:
    planned = workspace.plan("cart", "full")
    folder = cart.add(Phase.RESTORED, timesteps=timesteps, **changes)
    with pytest.raises(SessionError) as caught:
        announce(workspace, planned)
    assert str(caught.value) == f"cart: session 0001 {ending}; see {folder.log}; `doit resume:cart` goes on"


@pytest.mark.parametrize(
    ("timesteps", "changes", "remedy"),
    [
        (None, {"execution": {"state": "FAILED", "exit_code": 2}}, "correct it, then run `doit resume:cart`"),
        (96, {"outcome": {"interrupted_by": "InputError"}}, "correct it, then run `doit resume:cart`"),
        (96, {"outcome": {"interrupted_by": "NaN loss"}}, "change its hyperparameters, then run `doit resume:cart`"),
        (None, {"outcome": {"interrupted_by": "ValueError"}}, "correct it, then run `doit resume:cart`"),
        (
            None,
            {"execution": {"state": "FAILED", "reason": "it ran out of memory at 700 MiB"}},
            "lower what it keeps in memory, or give it more, then run `doit resume:cart`",
        ),
    ],
)
def test_going_on_is_not_promised_where_another_session_would_end_likewise(
    workspace: Workspace, cart: JobOnDisk, timesteps: int | None, changes: dict[str, Any], remedy: str
) -> None:
    planned = workspace.plan("cart", "full")
    cart.add(Phase.RESTORED, timesteps=timesteps, **{"execution": {"state": "FAILED"}, **changes})
    with pytest.raises((SessionError, InputError)) as caught:
        announce(workspace, planned)
    assert str(caught.value).endswith(f"; another session would end as this one did: {remedy}")
    is_mistake = "exit_code" in changes.get("execution", {}) or "InputError" in str(changes)
    assert caught.value.exit_code == (2 if is_mistake else 1)


def test_going_on_is_not_promised_where_no_session_is_left(cart: JobOnDisk, tmp_path: Path) -> None:
    write_jobs(tmp_path, cart=cart_pole(max_sessions=1))
    workspace = Workspace(tmp_path)
    planned = workspace.plan("cart", "full")
    cart.add(Phase.RESTORED, timesteps=96, execution={"state": "FAILED", "reason": "killed"})
    with pytest.raises(SessionError, match=r"; raise max_sessions in jobs[.]yaml to go on$"):
        announce(workspace, planned)


@pytest.mark.parametrize("phase", [None, Phase.SUBMITTED, Phase.VALIDATED])
def test_a_session_that_was_not_restored_is_an_error(
    workspace: Workspace, cart: JobOnDisk, phase: Phase | None
) -> None:
    planned = workspace.plan("cart", "full")
    if phase is not None:
        cart.add(phase)
    with pytest.raises(SessionError, match="session 0001 was not restored; run the same command again"):
        announce(workspace, planned)


def test_a_goal_that_is_met_is_said_and_a_refusal_is_an_error(
    workspace: Workspace, cart: JobOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    cart.add(Phase.RESTORED, timesteps=256, **as_wanted(workspace))
    announce(workspace, workspace.plan("cart", "full"))
    assert capsys.readouterr().out == "cart: nothing to do: 256 of 256 timesteps reached in session 0001\n"
    write_jobs(cart.runs.root, cart=cart_pole(algorithm="A2C", hyperparameters={"n_steps": 32}))
    changed = Workspace(cart.runs.root)
    with pytest.raises(IncompatibleError, match="job cart: refused: algorithm is PPO in the checkpoint"):
        announce(changed, changed.plan("cart", "full"))


def test_what_goes_on_goes_on_where_the_command_line_said(
    tmp_path: Path, workspace: Workspace, cart: JobOnDisk
) -> None:
    planned = workspace.plan("cart", "full")
    cart.add(Phase.RESTORED, timesteps=96, execution={"state": "FAILED", "reason": "killed"})
    with pytest.raises(SessionError, match="`doit resume:cart backend=docker` goes on"):
        announce(Workspace(tmp_path, "docker"), planned)
