"""`doit tune` and `doit promote`: what they say, and how they end."""

from __future__ import annotations

import contextlib
import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

from contract.errors import InputError, RelayError, UnavailableError, UnderWayError
from runner.commands.promote import promote
from runner.commands.saying import AlreadySaidError
from runner.commands.tune import tune
from runner.doit.selection import select
from runner.layout import RunsFolder
from runner.lineage import Phase
from runner.lock import held, is_held
from runner.studies.driving import Driver
from runner.studies.sessions import Stand, Went
from runner.workspace import Workspace
from tests.runner.conftest import JobOnDisk, as_wanted
from tests.runner.studies.conftest import Played, write_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runner.workspace import LiveSession


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Played]:
    """Have sessions played instead of run."""

    def playing(**how: Any) -> Played:
        sessions = Played(RunsFolder(tmp_path), **how)

        @contextlib.contextmanager
        def driver(*_args: object, **_options: object) -> Iterator[Played]:
            yield sessions

        monkeypatch.setattr("runner.commands.tune.Driver", driver)
        monkeypatch.setattr("runner.commands.tune.POLL_SECONDS", 0.0)
        write_study(tmp_path)
        return sessions

    return playing


def test_a_study_goes_on_to_its_end(
    tmp_path: Path, play: Callable[..., Played], capsys: pytest.CaptureFixture[str]
) -> None:
    play()
    assert tune(Workspace(tmp_path), "lr") == 0
    said = capsys.readouterr().out
    assert "study lr: 4 trials, " in said
    assert "`doit promote:lr` makes a job of it" in said
    assert tune(Workspace(tmp_path), "lr") == 0
    assert "evaluation at" not in capsys.readouterr().out


def test_where_nobody_waits_what_can_be_done_now_is(
    tmp_path: Path, play: Callable[..., Played], capsys: pytest.CaptureFixture[str]
) -> None:
    play()
    codes: list[int] = []
    while not codes or codes[-1]:
        codes.append(tune(Workspace(tmp_path, waits=False), "lr"))
    assert {*codes[:-1]} == {UnderWayError.exit_code}
    assert len(codes) > 4
    assert "study lr: its trials go on; the same command later goes on with them" in capsys.readouterr().out


def test_where_the_first_trials_fail_the_reason_of_the_last_is_told(
    tmp_path: Path, play: Callable[..., Played]
) -> None:
    play(fails=frozenset(range(9)))
    sentence = (
        r"study lr: its first 3 trials failed, the last since session 0001 ended \(diverged\); "
        "correct that, and `doit tune:lr` tries further ones"
    )
    with pytest.raises(RelayError, match=sentence):
        tune(Workspace(tmp_path), "lr")


def test_without_optuna_one_sentence_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UnavailableError, match=r'a study: needs optuna.*pip install "kaggle-relay\[tune\]"'):
        tune(Workspace(tmp_path), "lr")


def test_two_commands_at_one_study_are_one_too_many(tmp_path: Path, play: Callable[..., Played]) -> None:
    play()
    with (
        held(RunsFolder(tmp_path), "lr", "doit tune:lr"),
        pytest.raises(RelayError, match=r"is held by process .* \(`doit tune:lr`"),
    ):
        tune(Workspace(tmp_path), "lr")


def test_studies_are_found_by_name() -> None:
    assert select(["tune"]).studies(["a", "b"]) == select(["resume"]).studies(["a", "b"]) == ["a", "b"]
    assert select(["tune", "b"]).studies(["a", "b"]) == select(["tune:b*"]).studies(["a", "b"]) == ["b"]
    with pytest.raises(InputError, match=r"study rat: is not in jobs.yaml; did you mean rate\?"):
        select(["tune:rat"]).studies(["rate", "net"])
    with pytest.raises(InputError, match=r"doit tune: has nothing to do: jobs.yaml has no studies; write one"):
        select(["tune"]).studies([])


def test_nothing_is_promoted_before_a_trial_has_come_to_its_goal(tmp_path: Path) -> None:
    write_study(tmp_path)
    before = (tmp_path / "jobs.yaml").read_bytes()
    with pytest.raises(InputError, match="study lr: has no trial that came to its goal yet; run `doit tune:lr`"):
        promote(Workspace(tmp_path), "lr")
    assert (tmp_path / "jobs.yaml").read_bytes() == before


def test_a_trial_that_was_asked_to_stop_rests_until_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, play: Callable[..., Played], capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(tmp_path)
    cart, workspace = JobOnDisk(tmp_path), Workspace(tmp_path, waits=False)
    cart.add(Phase.RESTORED, timesteps=64, execution={"cancel_requested": True}, **as_wanted(workspace))
    with Driver(workspace, "doit tune:lr", waits=False) as driver:
        went = driver.advance("cart", begins=True)
    assert went == Went(Stand.AT_REST, "session 0001 ended (stopped); `doit resume:cart` goes on")
    begun = []

    def package(_workspace: Workspace, live: LiveSession) -> None:
        begun.append(live.name)
        raise UnderWayError("", "")

    monkeypatch.setattr("runner.stages.wiring.package", package)
    with Driver(workspace, "doit tune:lr", waits=True) as driver:
        assert driver.advance("cart", begins=False) == Went(Stand.AT_REST)
        assert driver.advance("cart", begins=True).stand is Stand.UNDER_WAY
    assert begun == ["cart:0002"]

    sessions = play()
    monkeypatch.setattr(sessions, "advance", lambda *_args, **_options: went)
    with pytest.raises(AlreadySaidError):
        tune(Workspace(tmp_path), "lr")
    assert "lr-0000: session 0001 ended (stopped)" in capsys.readouterr().out


def test_a_job_that_another_command_is_at_is_left_to_it(tmp_path: Path) -> None:
    write_study(tmp_path)
    workspace = Workspace(tmp_path, waits=False)
    with (
        held(workspace.runs, "cart", "doit resume"),
        Driver(workspace, "doit tune:lr", waits=True) as driver,
    ):
        went = driver.advance("cart", begins=True)
        assert went.stand is Stand.UNDER_WAY
        assert "is held by process" in went.why


def test_a_job_is_held_until_it_is_let_go(tmp_path: Path) -> None:
    write_study(tmp_path)
    cart, workspace = JobOnDisk(tmp_path), Workspace(tmp_path, waits=False)
    cart.add(Phase.RESTORED, timesteps=256, **as_wanted(workspace))
    with Driver(workspace, "doit tune:lr", waits=True) as driver:
        assert driver.advance("cart", begins=True).stand is Stand.MET
        assert is_held(workspace.runs, "cart")
        driver.let_go("cart")
        assert not is_held(workspace.runs, "cart")
