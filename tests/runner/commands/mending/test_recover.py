"""Sessions that a backend holds are made again beside what is here, and never mixed with another lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from contract.documents.runs import Inputs, Parent
from contract.errors import InputError
from contract.identity import training_inputs
from contract.states import State
from executors.base import Status
from runner.backends.base import BackendEntry, Held
from runner.backends.local import LocalBackend
from runner.commands.mending import recover as recovering
from runner.commands.mending.recover import recover
from runner.lineage import Phase, read_lineage
from runner.sources import SourceReader
from runner.stages.package import package
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import CODE, SOURCES, JobOnDisk, as_wanted, asked, job_json, write_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from contract.documents.runs import Request
    from runner.layout import SessionFolder


class Elsewhere:
    """A backend on which sessions of another machine's run, none of which has ended.

    Args:
        root: where that machine's project is.
    """

    def __init__(self, root: Path) -> None:
        self.scripts: list[str] = []
        self._submitted = 0
        self.known: AbstractSet[str] = frozenset()
        self._there = JobOnDisk(root)
        self._sources = SourceReader(root / "none.json").read((root,))

    def submit(self, request: Request) -> SessionFolder:
        """A session that was packaged and submitted there."""
        self._submitted += 1
        folder = self._there.runs.session("cart", self._submitted)
        values = job_json()
        inputs = Inputs(training=training_inputs(values), sources=SOURCES, code=CODE)
        package(folder, job=values, request=request, sources=self._sources, inputs=inputs, parent=None)
        self.scripts.append(folder.script.read_text(encoding="utf-8"))
        return folder

    def held(self, _root: Path, _job: Mapping[str, object], known: AbstractSet[str]) -> list[Held]:
        """What a backend's entry has."""
        self.known = known
        numbered = enumerate(self.scripts, start=1)
        return [
            Held(f"handle-{number}", number, script) for number, script in numbered if f"handle-{number}" not in known
        ]


class Running(LocalBackend):
    """A backend all of whose sessions go on."""

    def status(self, handle: str) -> Status:
        assert handle.startswith("handle-")
        return Status(State.RUNNING)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """What the local backend holds, as if it were on other machines."""
    (tmp_path / "there").mkdir()
    made = Elsewhere(tmp_path / "there")
    entry = BackendEntry(Running, held=made.held)
    monkeypatch.setattr(recovering, "backend_entry", lambda _name: entry)
    monkeypatch.setattr(recovering, "open_backend", lambda _name, runs: Running(runs.backend("local")))
    return made


@pytest.fixture
def here(tmp_path: Path) -> Callable[[], Workspace]:
    """The project on this machine, as each command opens it."""
    write_jobs(tmp_path / "here", cart=cart_pole())
    return lambda: Workspace(tmp_path / "here")


def went_on_from(session: str) -> Parent:
    return Parent(session=session, timesteps=64, sha256="0" * 64)


def test_a_session_that_still_runs_is_attached_to(
    elsewhere: Elsewhere, here: Callable[[], Workspace], capsys: pytest.CaptureFixture[str]
) -> None:
    there = elsewhere.submit(asked())
    recover(here(), "cart")
    assert "1 session(s) recovered from the local backend, and session 0001 goes on there" in capsys.readouterr().out
    head = read_lineage(here().runs, "cart").head
    assert head is not None
    assert (head.phase, head.ledger.handle, head.ledger.key) == (Phase.SUBMITTED, "handle-1", head.package.key)
    assert head.folder.package_json.read_bytes() == there.package_json.read_bytes()
    assert head.folder.request.read_bytes() == there.request.read_bytes()
    recover(here(), "cart")
    assert elsewhere.known == {"handle-1"}
    assert "cart: the local backend holds no session that is not here\n" in capsys.readouterr().out


def test_the_newest_lineage_comes_back_under_its_number(elsewhere: Elsewhere, here: Callable[[], Workspace]) -> None:
    elsewhere.submit(asked())
    elsewhere.submit(asked(session="0002", parent=went_on_from("0001")))
    there = elsewhere.submit(asked(lineage=3))
    recover(here(), "cart")
    lineage = read_lineage(here().runs, "cart")
    assert [session.folder.number for session in lineage.sessions] == ["0001"]
    assert lineage.sessions[0].folder.package_json.read_bytes() == there.package_json.read_bytes()
    assert lineage.generation == 3


def test_another_lineage_than_the_one_that_is_held_is_not_mixed_with_it(
    elsewhere: Elsewhere, here: Callable[[], Workspace], tmp_path: Path
) -> None:
    elsewhere.submit(asked())
    cart = JobOnDisk(tmp_path / "here")
    own = cart.add(Phase.RESTORED, timesteps=64, **as_wanted(here()))
    before = own.package_json.read_bytes()
    with pytest.raises(
        InputError, match="session 0001 here is not the one that its backend holds; run `doit fresh:cart`"
    ):
        recover(here(), "cart")
    elsewhere.scripts.clear()
    elsewhere.submit(asked(lineage=2))
    with pytest.raises(InputError, match="what is here is not the one that its backend holds"):
        recover(here(), "cart")
    assert own.package_json.read_bytes() == before


def test_a_lineage_that_was_put_away_here_stays_away(
    elsewhere: Elsewhere, here: Callable[[], Workspace], capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere.submit(asked())
    here().runs.archive("cart", 1).mkdir(parents=True)
    recover(here(), "cart")
    assert "cart: the local backend holds no session that is not here\n" in capsys.readouterr().out
    assert read_lineage(here().runs, "cart").sessions == ()


def test_a_version_that_does_not_tell_what_was_packaged_is_left_out(
    elsewhere: Elsewhere, here: Callable[[], Workspace], capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere.submit(asked())
    elsewhere.submit(asked(session="0002", parent=went_on_from("0001")))
    elsewhere.scripts[0] = elsewhere.scripts[0].rpartition("# relay-package: ")[0]
    elsewhere.submit(msgspec.structs.replace(asked(), job="other"))
    recover(here(), "cart")
    said = capsys.readouterr().out
    for version in (1, 3):
        assert f"version {version} does not tell what was packaged, or not of this job; left out" in said
    assert [session.folder.number for session in read_lineage(here().runs, "cart").sessions] == ["0002"]


def test_a_backend_that_holds_nothing_elsewhere_says_so(
    here: Callable[[], Workspace], capsys: pytest.CaptureFixture[str]
) -> None:
    recover(here(), "cart")
    assert "cart: the local backend holds nothing elsewhere; `doit recover backend=kaggle`" in capsys.readouterr().out
