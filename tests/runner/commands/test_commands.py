"""What users ask beside running."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from contract.documents.runs import Ledger
from contract.errors import BackendError, BackendUnreachableError, InputError
from executors.base import Closeable
from runner.commands.cancel import cancel
from runner.commands.plan import show_plan
from runner.commands.start_afresh import start_afresh
from runner.commands.status import show_status
from runner.lineage import Phase
from runner.stages import stopping
from runner.steering.documents import StatusAnswer
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write_jobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.layout import SessionFolder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project with one job, of which nothing has run."""
    write_jobs(tmp_path, cart=cart_pole())
    return Workspace(tmp_path)


def test_the_plan_names_what_either_run_would_do(
    workspace: Workspace, cart: JobOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    cart.add(Phase.RESTORED, timesteps=64, **as_wanted(workspace, profile="quick"))
    show_plan(workspace, "cart")
    nothing, goes_on, estimate = capsys.readouterr().out.splitlines()
    assert nothing == "cart: run_quick nothing to do: 64 of 64 timesteps reached in session 0001"
    assert goes_on == "cart: run_full goes on from session 0001 at 64 of 256 timesteps"
    assert estimate.endswith("KiB to package; how long it takes is not known before a session has measured its steps/s")


def rows(text: str) -> list[list[str]]:
    """The cells of a table that was printed."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]


def test_the_status_shows_every_session_of_every_job(
    workspace: Workspace, cart: JobOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    cart.add(Phase.RESTORED, timesteps=64, profile="quick", goal=64)
    cart.add(Phase.RESTORED, parent=cart.checkpoint(1, 64), execution={"state": "FAILED"})
    cart.add(Phase.EXECUTED, parent=cart.checkpoint(1, 5_000), execution={"state": "CANCELLED"})
    cart.add(Phase.SUBMITTED, goal=1_000_000)
    cart.add(Phase.PLANNED)
    show_status(workspace, ["cart", "pole"])
    assert rows(capsys.readouterr().out) == [
        ["cart", "0001", "quick", "0", "64", "64", "local", "complete", "goal met", "exact", "21.5"],
        ["cart", "0002", "full", "64", "64", "256", "local", "failed", "lost", "exact", "21.5"],
        ["cart", "0003", "full", "5,000", "", "256", "local", "cancelled", "cut from outside", "", ""],
        ["cart", "0004", "full", "0", "", "1,000,000", "local", "submitted", "", "", ""],
        ["cart", "0005", "full", "0", "", "256", "", "planned", "", "", ""],
        ["pole", "-", "", "", "", "", "", "not started", "", "", ""],
    ]


def test_the_status_names_jobs_that_have_sessions_and_are_in_no_file_any_more(
    cart: JobOnDisk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jobs(cart.runs.root, cart=cart_pole(), pole=cart_pole())
    workspace = Workspace(cart.runs.root)
    cart.add(Phase.RESTORED, timesteps=64)
    JobOnDisk(cart.runs.root, "walk").add(Phase.RESTORED, timesteps=64)
    show_status(workspace, [*workspace.jobs])
    said = "walk: has 1 session(s) in runs/walk, and is not in jobs.yaml; write it there again to go on with it"
    assert said in capsys.readouterr().out
    show_status(workspace, ["cart"])
    assert "walk" not in capsys.readouterr().out
    monkeypatch.setattr("doit.doit_cmd._CMDLINE_VARS", {"json": "yes"})
    show_status(workspace, [*workspace.jobs])
    assert msgspec.json.decode(capsys.readouterr().out, type=StatusAnswer).left == ("walk",)


def test_the_status_says_why_a_resume_is_not_exact(
    workspace: Workspace, cart: JobOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = cart.checkpoint(1, 64) | {"resume": {"exact": False, "reasons": ["gamma changed"]}}
    cart.add(Phase.RESTORED, parent=checkpoint | {"best_mean_reward": None})
    show_status(workspace, ["cart"])
    (row,) = rows(capsys.readouterr().out)
    assert row[9:] == ["approximate: gamma changed", ""]


def test_a_fresh_start_archives_the_lineage_and_deletes_nothing(
    workspace: Workspace, cart: JobOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    for generation in (1, 2):
        cart.add(Phase.RESTORED, timesteps=64)
        before = sorted(path.name for path in cart.runs.job("cart").rglob("*"))
        start_afresh(workspace, "cart")
        archived = cart.runs.archive("cart", generation)
        assert sorted(path.name for path in archived.rglob("*")) == sorted([*before, "put_away.json"])
        assert f"cart: 1 session(s) archived in {archived}; the next run starts at 0" in capsys.readouterr().out
        assert cart.lineage.sessions == ()
        assert cart.lineage.generation == generation + 1


def test_there_is_nothing_to_archive_before_the_first_session(
    workspace: Workspace, cart: JobOnDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    start_afresh(workspace, "cart")
    assert capsys.readouterr().out == "cart: has no sessions yet, so there is nothing to archive\n"
    assert not cart.runs.path.exists()


def test_a_session_that_may_be_running_is_not_archived(workspace: Workspace, cart: JobOnDisk) -> None:
    folder = cart.add(Phase.SUBMITTED)
    with pytest.raises(InputError, match=re.escape("let it end with `doit resume:cart`, or stop it with `doit cancel")):
        start_afresh(workspace, "cart")
    assert folder.ledger_json.exists()


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The handles that a backend was asked to stop."""
    handles: list[str] = []

    class Remote(Closeable):
        def cancel(self, handle: str) -> None:
            handles.append(handle)

        def close(self) -> None:
            handles.append("closed")

    monkeypatch.setattr(stopping, "open_backend", lambda _name, _runs: Remote())
    return handles


def test_cancel_asks_the_backend_and_notes_that_the_user_did(
    workspace: Workspace, cart: JobOnDisk, stopped: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cart.add(Phase.SUBMITTED, ledger={"handle": "handle-1"})
    cancel(workspace, "cart")
    assert stopped == ["handle-1", "closed"]
    ledger = Ledger.read(folder.ledger_json)
    assert ledger.cancel_requested
    assert capsys.readouterr().out.startswith("cart: session 0001 was asked to stop; `doit resume:cart` restores")


@pytest.mark.parametrize(
    ("error", "is_noted"), [(BackendError("session", "cannot be"), False), (BackendUnreachableError("it", "is"), True)]
)
def test_a_stop_that_the_backend_refuses_was_not_asked_for(
    workspace: Workspace, cart: JobOnDisk, monkeypatch: pytest.MonkeyPatch, error: BackendError, *, is_noted: bool
) -> None:
    closed: list[Closeable] = []

    class Refusing(Closeable):
        def cancel(self, _handle: str) -> None:
            raise error

        def close(self) -> None:
            closed.append(self)

    monkeypatch.setattr(stopping, "open_backend", lambda _name, _runs: Refusing())
    folder = cart.add(Phase.SUBMITTED, ledger={"handle": "handle-1"})
    with pytest.raises(BackendError):
        cancel(workspace, "cart")
    ledger = Ledger.read(folder.ledger_json)
    assert ledger.cancel_requested == is_noted
    assert len(closed) == 1
    assert ledger.handle == "handle-1"


class Asked(Closeable):
    """A backend that is asked whether it has a session."""

    def __init__(self, answer: str | BackendError | None) -> None:
        self.answer = answer
        self.stopped: list[str] = []

    def find(self, _key: str) -> str | None:
        if isinstance(self.answer, BackendError):
            raise self.answer
        return self.answer

    def cancel(self, handle: str) -> None:
        self.stopped.append(handle)

    def close(self) -> None:
        pass


@pytest.fixture
def perhaps_submitted(cart: JobOnDisk) -> SessionFolder:
    """A session whose submission was cut off: perhaps it runs, perhaps not."""
    return cart.add(Phase.SUBMITTED, ledger={"entry": "SUBMITTING", "handle": None})


def test_what_may_have_been_submitted_is_said_so(
    workspace: Workspace, perhaps_submitted: SessionFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert perhaps_submitted.ledger_json.exists()
    show_plan(workspace, "cart")
    assert "asks the local backend whether session 0001, which may run there, does" in capsys.readouterr().out
    show_status(workspace, ["cart"])
    assert "perhaps submitted" in capsys.readouterr().out


def test_what_was_never_submitted_can_be_put_away(
    workspace: Workspace,
    perhaps_submitted: SessionFolder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(stopping, "open_backend", lambda _name, _runs: Asked(None))
    cancel(workspace, "cart")
    assert capsys.readouterr().out == "cart: session 0001 was never submitted, so nothing is running\n"
    start_afresh(workspace, "cart")
    assert "archived" in capsys.readouterr().out
    assert not perhaps_submitted.path.exists()


def test_what_was_submitted_after_all_is_stopped_and_not_put_away(
    workspace: Workspace, perhaps_submitted: SessionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked("handle-1")
    monkeypatch.setattr(stopping, "open_backend", lambda _name, _runs: asked)
    with pytest.raises(InputError, match="may still be running"):
        start_afresh(workspace, "cart")
    cancel(workspace, "cart")
    assert asked.stopped == ["handle-1"]
    ledger = Ledger.read(perhaps_submitted.ledger_json)
    assert (ledger.handle, ledger.cancel_requested) == ("handle-1", True)


@pytest.mark.parametrize("command", [cancel, start_afresh])
def test_a_backend_that_does_not_say_leaves_all_as_it_is_and_the_sentence_names_a_way(
    workspace: Workspace,
    perhaps_submitted: SessionFolder,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[[Workspace, str], None],
) -> None:
    silent = Asked(BackendUnreachableError("Kaggle", "gave no answer"))
    monkeypatch.setattr(stopping, "open_backend", lambda _name, _runs: silent)
    before = perhaps_submitted.ledger_json.read_bytes()
    with pytest.raises(BackendUnreachableError, match=r"may have been submitted to the local backend.*once it answers"):
        command(workspace, "cart")
    assert perhaps_submitted.ledger_json.read_bytes() == before


@pytest.mark.parametrize("phase", [None, Phase.PACKAGED, Phase.EXECUTED, Phase.RESTORED])
def test_cancel_has_nobody_to_ask_when_nothing_runs(
    workspace: Workspace,
    cart: JobOnDisk,
    stopped: list[str],
    capsys: pytest.CaptureFixture[str],
    phase: Phase | None,
) -> None:
    if phase is not None:
        cart.add(phase)
    cancel(workspace, "cart")
    assert stopped == []
    assert capsys.readouterr().out == "cart: no session is running\n"
