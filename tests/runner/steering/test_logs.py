"""What a session printed, and what it prints now, whoever watches it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from contract.errors import BackendUnreachableError, InputError, SessionLostError
from contract.states import State
from executors.base import Closeable, Status
from runner.display import Display
from runner.lineage import Phase
from runner.steering import logs
from runner.steering.logs import Reader, follow, show_log
from runner.workspace import Workspace
from tests.project import Project, cart_pole
from tests.runner.conftest import JobOnDisk, write, write_jobs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project with one job, of which nothing has run."""
    write_jobs(tmp_path, cart=cart_pole())
    return Workspace(tmp_path)


class There(Closeable):
    """A backend with one session, which prints a line each time it is asked."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.printed = b""

    def status(self, _handle: str) -> Status:
        """Over once all is printed."""
        if self.answers and isinstance(self.answers[0], Exception):
            raise self.answers.pop(0)  # type: ignore[misc] # it was looked at just now
        if self.answers:
            self.printed += bytes(self.answers.pop(0))  # type: ignore[arg-type] # likewise
        return Status(State.RUNNING if self.answers else State.COMPLETE)

    def logs(self, _handle: str, offset: int) -> bytes:
        """What it printed."""
        return self.printed[offset:]

    def close(self) -> None:
        """Nothing."""


def said(reader_of: JobOnDisk, backend: There, *, patience: float = 0.0, here: bytes = b"") -> tuple[str, list[float]]:
    """What is shown of a session that is followed, and how long it was waited for."""
    folder = reader_of.add(Phase.SUBMITTED)
    if here:
        folder.log.write_bytes(here)
    shown = io.StringIO()
    waited: list[float] = []
    with Display("cart", folder.number, shown) as display:
        follow(Reader(folder, display), lambda: backend, patience=patience, sleep=waited.append)  # type: ignore[arg-type, return-value] # it has what is asked for
    return shown.getvalue(), waited


def test_a_session_that_nobody_watches_is_followed_where_it_runs(cart: JobOnDisk) -> None:
    text, _ = said(cart, There(b"one\ntwo\n", b"three\n"), here=b"one\n")
    assert text.splitlines()[:3] == ["one", "two", "three"]
    assert text.splitlines()[3] == "cart 0001  has ended; the next `doit resume` downloads what it left"


def test_a_backend_that_gives_no_answer_is_asked_again_and_one_that_lost_the_session_is_not(cart: JobOnDisk) -> None:
    silence = BackendUnreachableError("Kaggle", "gave no answer")
    text, waited = said(cart, There(silence, b"one\n", SessionLostError("session", "is gone")))
    assert text.splitlines()[:3] == [
        "cart 0001  Kaggle: gave no answer; asking again in 2 s",
        "one",
        "cart 0001  is gone",
    ]
    assert max(waited) == 2.0


def test_what_another_command_copies_is_not_asked_for_again(cart: JobOnDisk) -> None:
    folder = cart.add(Phase.SUBMITTED)
    shown = io.StringIO()
    lines = iter([b"one\n", b"two\n"])

    def copy_some(_pause: float) -> None:
        """What the other command does meanwhile."""
        with folder.log.open("ab") as log:
            log.write(next(lines, b""))
        if b"two" in folder.log.read_bytes():
            write(folder.execution_json, {})

    def never() -> There:
        raise AssertionError

    with Display("cart", folder.number, shown) as display:
        follow(Reader(folder, display), never, patience=60.0, sleep=copy_some)  # type: ignore[arg-type] # never called
    assert shown.getvalue().splitlines() == ["one", "two"]


def test_the_newest_session_is_shown_or_the_one_that_is_named(
    workspace: Workspace, cart: JobOnDisk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    variables: dict[str, str] = {}
    monkeypatch.setattr("doit.doit_cmd._CMDLINE_VARS", variables)
    show_log(workspace, "cart")
    assert capsys.readouterr().out == "cart: has no sessions yet, so there is no log\n"
    cart.add(Phase.RESTORED, timesteps=64).log.write_text('first\n@relay started {"timesteps": 0, "goal": 64}\n')
    cart.add(Phase.RESTORED, timesteps=256)
    cart.add(Phase.PLANNED)
    show_log(workspace, "cart")
    assert "session 0002 has printed nothing, as far as this machine knows" in capsys.readouterr().out
    variables["session"] = "7"
    with pytest.raises(InputError, match="has no session 7 in its current lineage; choose one of 1, 2, 3"):
        show_log(workspace, "cart")


def test_a_log_is_shown_as_it_was_while_the_session_ran(project: Project) -> None:
    project.write_jobs(cart=cart_pole())
    cart = JobOnDisk(project.root)
    begun = '@relay started {"timesteps": 0, "goal": 64}'
    cart.add(Phase.RESTORED, timesteps=64).log.write_text(f"words of a library\n{begun}\n", encoding="utf-8")
    cart.add(Phase.PLANNED)
    lines = ["words of a library", "cart 0001  training from 0 to 64 timesteps"]
    assert project.doit("logs:cart").splitlines() == lines
    assert project.doit("logs", "cart", "session=1", "-f").splitlines() == lines


def test_a_log_that_the_backend_does_not_give_now_is_shown_as_far_as_it_is_here(
    workspace: Workspace, cart: JobOnDisk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cart.add(Phase.SUBMITTED).log.write_text("one\n")
    silent = There(BackendUnreachableError("Kaggle", "gave no answer"))
    monkeypatch.setattr(logs, "open_backend", lambda _name, _runs: silent)
    show_log(workspace, "cart")
    said = capfd.readouterr().out
    assert said == "one\ncart 0001  Kaggle: gave no answer; above is what this machine has of the log\n"
