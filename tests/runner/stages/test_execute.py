"""A session is submitted once, whatever happens in between, and watched until it ends."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.runs import Execution, Ledger, Submission
from contract.errors import (
    BackendBusyError,
    BackendError,
    BackendUnreachableError,
    CredentialsError,
    InputError,
    RefusedError,
    RelayError,
    SessionLostError,
    UnderWayError,
)
from contract.states import State
from contract.storage import files
from executors.base import Closeable, Status
from runner.display import Display
from runner.lineage import Phase
from runner.stages import execute as executing
from runner.stages.execute import Follower, back_off_pause, execute, poll_pause, submit_or_attach, submit_together

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from runner.backends.base import Check, Origin, Provisions
    from runner.layout import SessionFolder
    from tests.runner.conftest import JobOnDisk

KEY = f"{1:064x}"
RUNNING, COMPLETE = Status(State.RUNNING), Status(State.COMPLETE, 0)
UNREACHABLE = BackendUnreachableError("kaggle", "gave no answer (503)")


class ScriptedBackend(Closeable):
    """A backend in memory that answers as it was told.

    Args:
        answers: to `status`, one after the other; an error is raised.
        log: what the session has printed.
        known: handles by key, of sessions that it was given before.
    """

    name = "scripted"

    def __init__(self, *answers: Status | Exception, log: bytes = b"", known: dict[str, str] | None = None) -> None:
        self.answers = list(answers)
        self.log = log
        self.log_failures: list[Exception] = []
        self.known = known or {}
        self.submitted: list[str] = []
        self.asked_for: list[str] = []
        self.offsets: list[int] = []
        self.prepared: list[str] = []

    def prepare(self, folder: SessionFolder, key: str) -> None:
        assert key not in self.known
        assert not folder.ledger_json.exists() or key in self.asked_for  # nothing says yet that it may have been
        self.prepared.append(key)

    def submit(self, folder: SessionFolder, key: str) -> str:
        assert self.prepared[-1] == key
        ledger = Ledger.read_if_there(folder.ledger_json)
        assert ledger is not None
        assert ledger.entry is Submission.SUBMITTING  # so that a kill from here on is known of
        assert key not in self.known
        self.submitted.append(key)
        self.known[key] = f"handle-{len(self.submitted)}"
        return self.known[key]

    def find(self, key: str) -> str | None:
        self.asked_for.append(key)
        return self.known.get(key)

    def status(self, handle: str) -> Status:
        assert handle in self.known.values()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def logs(self, handle: str, offset: int) -> bytes:
        assert handle in self.known.values()
        if self.log_failures:
            raise self.log_failures.pop(0)
        self.offsets.append(offset)
        return self.log[offset:]

    def fetch(self, handle: str, folder: Path) -> Sequence[str]:
        raise NotImplementedError

    def cancel(self, handle: str) -> None:
        raise NotImplementedError

    def release(self, handle: str) -> None:
        raise NotImplementedError

    def provisions(self, job: Mapping[str, Any], parent: Origin | None) -> Provisions:
        raise NotImplementedError

    def diagnose(self) -> Iterator[Check]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@pytest.fixture
def folder(cart: JobOnDisk) -> SessionFolder:
    """A packaged session."""
    return cart.add(Phase.PACKAGED)


@pytest.fixture
def stream() -> io.StringIO:
    """What the user sees."""
    return io.StringIO()


@pytest.fixture
def display(stream: io.StringIO) -> Display:
    """The session's display."""
    return Display("cart", "0001", stream)


def follower(
    folder: SessionFolder, backend: ScriptedBackend, display: Display, pauses: list[float] | None = None
) -> Follower:
    """Watches a session that was submitted, without ever sleeping."""
    handle = backend.known.setdefault(KEY, "handle-1")
    ledger = Ledger(key=KEY, backend=backend.name).submitted(handle).write(folder.ledger_json)
    return Follower(folder, ledger, backend, display, sleep=(pauses if pauses is not None else []).append)


def test_a_new_session_is_submitted_and_its_end_is_written_down(
    folder: SessionFolder, display: Display, stream: io.StringIO
) -> None:
    backend = ScriptedBackend(COMPLETE, log=b"hello\n")
    execute(folder, backend, display)
    assert backend.submitted == [KEY]
    assert files.read_json(folder.execution_json) == {
        "format": 1,
        "key": KEY,
        "backend": "scripted",
        "handle": "handle-1",
        "state": "COMPLETE",
        "exit_code": 0,
        "reason": None,
        "cancel_requested": False,
    }
    ledger = Ledger.read_if_there(folder.ledger_json)
    assert ledger is not None
    assert (ledger.entry, ledger.handle) == (Submission.ENDED, "handle-1")
    assert folder.log.read_bytes() == b"hello\n"
    assert stream.getvalue() == "hello\n"


@pytest.mark.parametrize(
    "status",
    [
        Status(State.FAILED, 137, "out of memory"),
        Status(State.FAILED, None, "its process ended without a record"),
        Status(State.CANCELLED, 143, "asked to stop (SIGTERM)"),
    ],
)
def test_however_a_session_ends_its_reason_is_kept_and_nothing_is_raised(
    folder: SessionFolder, display: Display, status: Status
) -> None:
    execute(folder, ScriptedBackend(status), display)
    execution = Execution.read(folder.execution_json)
    assert (execution.state, execution.exit_code, execution.reason) == (
        status.state,
        status.exit_code,
        status.reason,
    )


def test_a_session_that_has_ended_is_left_as_it_is(folder: SessionFolder, display: Display) -> None:
    execute(folder, ScriptedBackend(COMPLETE), display)
    before = folder.execution_json.read_bytes()
    backend = ScriptedBackend()
    execute(folder, backend, display)
    assert (backend.submitted, backend.asked_for) == ([], [])
    assert folder.execution_json.read_bytes() == before


def test_a_submitted_session_is_attached_to(folder: SessionFolder, display: Display, stream: io.StringIO) -> None:
    Ledger(key=KEY, backend="scripted").submitted("handle-7").write(folder.ledger_json)
    backend = ScriptedBackend(COMPLETE, known={KEY: "handle-7"})
    execute(folder, backend, display)
    assert backend.submitted == []
    assert stream.getvalue() == "cart 0001  attaching to session 0001 on the scripted backend\n"


def test_a_submission_cut_off_half_way_is_adopted_where_it_arrived(
    folder: SessionFolder, display: Display, stream: io.StringIO
) -> None:
    Ledger(key=KEY, backend="scripted").write(folder.ledger_json)
    backend = ScriptedBackend(COMPLETE, known={KEY: "handle-7"})
    execute(folder, backend, display)
    assert backend.submitted == []
    assert backend.asked_for == [KEY]
    assert Execution.read(folder.execution_json).handle == "handle-7"
    assert "adopting session 0001" in stream.getvalue()


def test_a_submission_cut_off_half_way_is_made_again_where_it_did_not_arrive(
    folder: SessionFolder, display: Display
) -> None:
    Ledger(key=KEY, backend="scripted").write(folder.ledger_json)
    backend = ScriptedBackend(COMPLETE)
    execute(folder, backend, display)
    assert backend.asked_for == [KEY]
    assert backend.submitted == [KEY]


class TakesSeveral(ScriptedBackend):
    """One that takes several sessions in one submission, of which it may lose the answer or take none."""

    error: RelayError | None = None
    takes = True

    def submit_together(self, packaged: Mapping[str, SessionFolder]) -> Mapping[str, str]:
        assert [*packaged] == self.prepared
        for key, folder in packaged.items():
            ledger = Ledger.read_if_there(folder.ledger_json)
            assert ledger is not None
            assert ledger.entry is Submission.SUBMITTING
            if self.takes:
                self.submitted.append(key)
                self.known[key] = f"handle-{len(self.submitted)}"
        if self.error is not None:
            raise self.error
        return {key: self.known[key] for key in packaged}


@pytest.fixture
def two_packaged(cart: JobOnDisk) -> dict[str, SessionFolder]:
    return {key: cart.add(Phase.PACKAGED, key=key) for key in (KEY, f"{2:064x}")}


def test_several_sessions_are_one_submission_where_the_backend_takes_that(
    two_packaged: dict[str, SessionFolder], display: Display
) -> None:
    backend = TakesSeveral(COMPLETE, COMPLETE)
    assert submit_together([*two_packaged.values()], backend) == len(two_packaged)
    assert submit_together([*two_packaged.values()], backend) == 0
    for folder in two_packaged.values():
        execute(folder, backend, display)
    assert backend.submitted == [*two_packaged]
    assert backend.asked_for == []
    handles = [Execution.read(folder.execution_json).handle for folder in two_packaged.values()]
    assert handles == ["handle-1", "handle-2"]


@pytest.mark.parametrize("takes", [True, False])
def test_each_of_several_is_submitted_once_whatever_came_of_their_submission(
    two_packaged: dict[str, SessionFolder], display: Display, *, takes: bool
) -> None:
    backend = TakesSeveral(COMPLETE, COMPLETE)
    backend.takes, backend.error = takes, UNREACHABLE
    submit_together([*two_packaged.values()], backend)
    for folder in two_packaged.values():
        execute(folder, backend, display)
    assert backend.submitted == [*two_packaged]
    assert backend.asked_for == [*two_packaged]


def test_where_it_is_one_or_the_backend_takes_one_by_one_each_is_submitted_by_itself(
    two_packaged: dict[str, SessionFolder],
) -> None:
    one_by_one, several = ScriptedBackend(), TakesSeveral()
    submit_together([*two_packaged.values()], one_by_one)
    submit_together([*two_packaged.values()][:1], several)
    assert one_by_one.prepared == several.prepared == []
    assert not any(folder.ledger_json.exists() for folder in two_packaged.values())


def test_a_submission_whose_answer_was_lost_is_never_made_twice(folder: SessionFolder, display: Display) -> None:
    class LosesTheAnswer(ScriptedBackend):
        def submit(self, folder: SessionFolder, key: str) -> str:
            super().submit(folder, key)
            raise UNREACHABLE

    backend = LosesTheAnswer(COMPLETE)
    with pytest.raises(BackendUnreachableError):
        submit_or_attach(folder, KEY, backend, display)
    execute(folder, backend, display)
    assert backend.submitted == [KEY]


@pytest.mark.parametrize("error", [BackendUnreachableError, BackendError, CredentialsError, KeyboardInterrupt])
def test_until_it_is_pushed_nothing_says_that_a_session_may_have_been_submitted(
    folder: SessionFolder, display: Display, error: type[BaseException]
) -> None:
    class GivesNoAnswer(ScriptedBackend):
        def prepare(self, folder: SessionFolder, key: str) -> None:
            super().prepare(folder, key)
            raise error("kaggle", "gave no answer")

    backend = GivesNoAnswer()
    with pytest.raises(error):
        execute(folder, backend, display)
    assert not folder.ledger_json.exists()
    assert backend.submitted == []


def test_what_may_have_been_submitted_stays_so_while_nobody_says_that_it_was_not(
    folder: SessionFolder, display: Display
) -> None:
    class GivesNoAnswer(ScriptedBackend):
        def find(self, key: str) -> str | None:
            super().find(key)
            raise UNREACHABLE

    Ledger(key=KEY, backend="scripted").write(folder.ledger_json)
    backend = GivesNoAnswer()
    with pytest.raises(BackendUnreachableError):
        execute(folder, backend, display)
    assert Ledger.read(folder.ledger_json).entry is Submission.SUBMITTING
    assert (backend.prepared, backend.submitted) == ([], [])


def test_a_refused_submission_is_an_error_and_may_be_tried_again(folder: SessionFolder, display: Display) -> None:
    class Refuses(ScriptedBackend):
        def submit(self, folder: SessionFolder, key: str) -> str:  # noqa: ARG002 - the backend's interface
            raise BackendError("kaggle", "the weekly quota is spent")

    with pytest.raises(BackendError, match="quota"):
        execute(folder, Refuses(), display)
    assert not folder.execution_json.exists()
    execute(folder, ScriptedBackend(COMPLETE), display)
    assert Execution.read(folder.execution_json).state == "COMPLETE"


@pytest.mark.parametrize("refusal", [RefusedError, CredentialsError, InputError])
def test_a_session_that_was_certainly_not_taken_was_not_submitted(
    folder: SessionFolder, display: Display, refusal: type[RelayError]
) -> None:
    class Refuses(ScriptedBackend):
        def submit(self, folder: SessionFolder, key: str) -> str:
            super().submit(folder, key)
            raise refusal("kaggle", "does not take it")

    with pytest.raises(refusal):
        execute(folder, Refuses(), display)
    assert not folder.ledger_json.exists(), "so that another package may take its place"


def test_a_session_that_waits_for_its_turn_is_not_submitted(
    folder: SessionFolder, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BusyBackend(ScriptedBackend):
        def submit(self, folder: SessionFolder, key: str) -> str:  # noqa: ARG002 - the backend's interface
            raise BackendBusyError("kaggle", "takes no further session now")

    def interrupted(_seconds: float) -> None:
        assert not folder.ledger_json.exists()
        raise KeyboardInterrupt

    monkeypatch.setattr("runner.stages.execute.time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        execute(folder, BusyBackend(), display)


def test_a_busy_backend_is_waited_for_and_what_for_is_said_once(
    folder: SessionFolder, display: Display, stream: io.StringIO
) -> None:
    class BusyBackend(ScriptedBackend):
        refusals = 3

        def submit(self, folder: SessionFolder, key: str) -> str:
            if self.refusals:
                self.refusals -= 1
                left = f"{self.refusals}h of GPU quota left"
                raise BackendBusyError("scripted", "takes no further session now: 2 run", left, wait_seconds=0.01)
            return super().submit(folder, key)

    backend = BusyBackend(COMPLETE)
    execute(folder, backend, display)
    assert backend.submitted == [KEY]
    said = "waits for its turn: scripted: takes no further session now: 2 run; 2h of GPU quota left; trying again every"
    assert stream.getvalue().count(said) == 1
    assert stream.getvalue().count("waits for its turn") == 1
    assert Execution.read(folder.execution_json).state == "COMPLETE"


def test_what_a_queued_session_waits_for_is_said_once(
    folder: SessionFolder, display: Display, stream: io.StringIO
) -> None:
    queued = Status(State.QUEUED, reason="waits in the queue")
    execute(folder, ScriptedBackend(queued, queued, RUNNING, queued, COMPLETE), display)
    assert stream.getvalue().count("waits in the queue") == 2


def test_a_request_to_stop_that_came_meanwhile_is_kept(folder: SessionFolder, display: Display) -> None:
    class IsCancelled(ScriptedBackend):
        def status(self, handle: str) -> Status:
            cancelled = Ledger(key=KEY, backend="scripted", cancel_requested=True).submitted(handle)
            cancelled.write(folder.ledger_json)
            return super().status(handle)

    execute(folder, IsCancelled(COMPLETE), display)
    assert Execution.read(folder.execution_json).cancel_requested is True
    ledger = Ledger.read_if_there(folder.ledger_json)
    assert ledger is not None
    assert ledger.cancel_requested


def test_a_backend_without_an_answer_is_asked_again_ever_more_slowly_and_never_fails(
    folder: SessionFolder, display: Display, stream: io.StringIO
) -> None:
    pauses: list[float] = []
    backend = ScriptedBackend(*[UNREACHABLE] * 12, RUNNING, UNREACHABLE, COMPLETE)
    assert follower(folder, backend, display, pauses).follow() == COMPLETE
    assert pauses[:12] == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert pauses[12:] == [executing.POLL_SECONDS, 2]  # an answer makes it patient anew
    assert stream.getvalue().startswith("cart 0001  kaggle: gave no answer (503); asking again in 2 s\n")


def test_a_log_that_cannot_be_had_at_the_end_is_asked_for_again(folder: SessionFolder, display: Display) -> None:
    backend = ScriptedBackend(COMPLETE, COMPLETE, log=b"the last words\n")
    backend.log_failures = [UNREACHABLE]
    assert follower(folder, backend, display).follow() == COMPLETE
    assert folder.log.read_bytes() == b"the last words\n"


def test_a_session_that_the_backend_lost_has_failed_with_a_reason(folder: SessionFolder, display: Display) -> None:
    backend = ScriptedBackend(RUNNING, SessionLostError("session 0000", "its sandbox is gone"), log=b"so far\n")
    status = follower(folder, backend, display).follow()
    assert (status.state, status.reason) == (State.FAILED, "its sandbox is gone")
    assert folder.log.read_bytes() == b"so far\n"


def test_any_other_error_of_the_backend_ends_the_watch(folder: SessionFolder, display: Display) -> None:
    with pytest.raises(BackendError, match="credentials"):
        follower(folder, ScriptedBackend(BackendError("kaggle", "refuses the credentials")), display).follow()


def test_the_log_is_copied_as_it_grows_and_each_byte_once(
    folder: SessionFolder, display: Display, stream: io.StringIO
) -> None:
    class Grows(ScriptedBackend):
        def status(self, handle: str) -> Status:
            self.log += f"line {len(self.answers)}: 交通\n".encode()
            return super().status(handle)

    backend = Grows(RUNNING, RUNNING, COMPLETE)
    follower(folder, backend, display).follow()
    assert folder.log.read_bytes() == backend.log
    assert stream.getvalue() == backend.log.decode()
    assert backend.offsets == [0, len(backend.log) // 3, 2 * len(backend.log) // 3]


def test_a_command_that_attaches_reads_on_where_the_last_one_was_cut_off(
    folder: SessionFolder, display: Display, stream: io.StringIO
) -> None:
    log = "before the kill: 交通\nafter it\n".encode()
    cut = log.index("通".encode()) + 1  # in the middle of a character
    folder.log.write_bytes(log[:cut])
    backend = ScriptedBackend(RUNNING, COMPLETE, log=log)
    follower(folder, backend, display).follow()
    assert folder.log.read_bytes() == log
    assert backend.offsets == [cut, len(log)]
    assert stream.getvalue().endswith("\nafter it\n")
    assert "before" not in stream.getvalue()


def test_a_session_is_looked_at_often_at_first_and_less_often_later() -> None:
    pauses = [poll_pause(polls) for polls in (1, 100, 200, 1_000, 10**6)]
    assert pauses == [0.05, 0.05, 0.05, 0.25, executing.LONGEST_POLL_SECONDS]
    assert pauses == sorted(pauses)


def test_the_back_off_doubles_up_to_a_limit_and_never_overflows() -> None:
    assert [back_off_pause(failures) for failures in (1, 2, 3)] == [2, 4, 8]
    assert back_off_pause(10**6) == executing.LONGEST_BACK_OFF_SECONDS


def test_who_does_not_wait_submits_once_and_is_told_that_it_goes_on(folder: SessionFolder, display: Display) -> None:
    backend = ScriptedBackend(RUNNING, Status(State.QUEUED, reason="waits in a queue"), UNREACHABLE, COMPLETE)
    for told in (
        "goes on on the scripted",
        "waits on the scripted backend .waits in a queue.",
        "may go on: kaggle: gave",
    ):
        with pytest.raises(UnderWayError, match=f"cart: session 0001: {told}.*; the same command later goes on"):
            execute(folder, backend, display, waits=False)
        assert backend.submitted == [KEY]
    assert backend.offsets == []
    execute(folder, backend, display, waits=False)
    assert Execution.read(folder.execution_json).state is State.COMPLETE


def test_who_does_not_wait_waits_for_what_has_ended(folder: SessionFolder, display: Display) -> None:
    backend = ScriptedBackend(Status(State.RUNNING, is_ending=True), Status(State.RUNNING, is_ending=True), COMPLETE)
    execute(folder, backend, display, waits=False)
    assert backend.answers == []


def test_who_does_not_wait_leaves_a_busy_backend_for_later(
    folder: SessionFolder, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = ScriptedBackend()
    monkeypatch.setattr("runner.stages.execute.time.sleep", lambda _seconds: pytest.fail("it waited"))

    def is_busy(_folder: SessionFolder, _key: str) -> str:
        raise BackendBusyError("Kaggle", "takes no further session now")

    monkeypatch.setattr(backend, "submit", is_busy)
    with pytest.raises(UnderWayError, match="waits for its turn: Kaggle: takes no further session now"):
        execute(folder, backend, display, waits=False)
    assert not folder.ledger_json.exists()
