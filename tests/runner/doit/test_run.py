"""doit's `run` command: which passes it makes, which exit code it ends with, whom it locks out."""

from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from doit import doit_cmd
from doit.cmd_run import Run
from doit.exceptions import TaskFailed
from doit.task import Task

from runner.doit.failures import TaskUnderWay
from runner.doit.loader import RelayLoader
from runner.doit.passes import Pass, goes_on, reached
from runner.doit.reporter import NAME
from runner.doit.run import RelayRun
from runner.lineage import Lineage, Phase
from runner.lock import held
from runner.planning.decide import Attach, Continue, Decision, Finish, Nothing, Redo, Refuse, Rejudge, Start
from runner.planning.endings import SESSIONS_WITHOUT_PROGRESS
from runner.steering.exit_codes import UNDER_WAY
from runner.workspace import Plan, Workspace
from tests.project import cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, job_json, wanted, write_jobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.notifying import Notice

CONTINUE = Continue(parent=1, timesteps=64, goal=256)
NOTHING = Nothing(session=1, timesteps=256, goal=256)
REFUSE = Refuse("cart", 1, "algorithm", "PPO", "A2C")
REDO = Redo(session=1, parent=None, changes=("its sources",), goal=256)


@pytest.mark.parametrize(
    ("before", "after", "idle", "chains", "expected"),
    [
        # resume goes on while there is a goal ahead and something is gained.
        (Start(256), CONTINUE, 0, True, True),
        (CONTINUE, CONTINUE, 0, True, True),
        (REDO, CONTINUE, 0, True, True),
        (CONTINUE, CONTINUE, SESSIONS_WITHOUT_PROGRESS - 1, True, True),
        (CONTINUE, CONTINUE, SESSIONS_WITHOUT_PROGRESS, True, False),
        (Start(256), Start(256), SESSIONS_WITHOUT_PROGRESS, True, False),
        (CONTINUE, NOTHING, 0, True, False),
        (CONTINUE, REFUSE, 0, True, False),
        (REFUSE, REFUSE, 1, True, False),
        (NOTHING, NOTHING, 1, True, False),
        # The other commands run one session,
        (Start(256), CONTINUE, 0, False, False),
        (CONTINUE, CONTINUE, 1, False, False),
        (Attach(1, "local", 256), CONTINUE, 0, False, False),
        # and one more after a session that was begun for less.
        (Attach(1, "local", 64), CONTINUE, 0, False, True),
        (Finish(1, Phase.EXECUTED, 64), CONTINUE, 0, False, True),
        (Attach(1, "local", 64), CONTINUE, 1, False, False),
        (Attach(1, "local", 64), NOTHING, 0, False, False),
        # What was judged again decides what comes next.
        (Rejudge(1), CONTINUE, 0, False, True),
        (Rejudge(1), Start(256), 0, True, True),
        (Rejudge(1), NOTHING, 0, False, True),
        (Rejudge(1), Rejudge(1), 0, True, False),
        (Rejudge(1), REFUSE, 0, True, True),
    ],
)
def test_whether_another_pass_is_needed(
    cart: JobOnDisk, before: Decision, after: Decision, idle: int, chains: bool, expected: bool
) -> None:
    cart.add(Phase.RESTORED, timesteps=64)
    done = Pass(Plan(wanted(), cart.lineage, before), Plan(wanted(), cart.lineage, after))
    assert goes_on(done, idle, chains=chains) is expected


def test_a_session_that_the_user_stopped_is_not_followed_by_another(cart: JobOnDisk) -> None:
    cart.add(Phase.RESTORED, timesteps=64, execution={"cancel_requested": True})
    done = Pass(Plan(wanted(), cart.lineage, CONTINUE), Plan(wanted(), cart.lineage, CONTINUE))
    assert done.was_stopped
    assert not goes_on(done, 0, chains=True)
    cart.add(Phase.SUBMITTED)
    assert not Pass(done.before, Plan(wanted(), cart.lineage, CONTINUE)).was_stopped


@pytest.mark.parametrize(("most", "expected"), [(2, False), (3, True)])
def test_a_job_has_a_largest_number_of_sessions(cart: JobOnDisk, most: int, expected: bool) -> None:
    for _ in range(2):
        cart.add(Phase.RESTORED, timesteps=64)
    now = wanted(job_json(max_sessions=most))
    done = Pass(Plan(now, cart.lineage, CONTINUE), Plan(now, cart.lineage, CONTINUE))
    assert goes_on(done, 0, chains=True) is expected


def test_a_job_has_reached_what_its_newest_adopted_checkpoint_has(cart: JobOnDisk) -> None:
    assert reached(Lineage("cart", (), 1)) == 0
    cart.add(Phase.RESTORED)
    assert reached(cart.lineage) == 0
    cart.add(Phase.RESTORED, timesteps=96)
    cart.add(Phase.SUBMITTED, timesteps=128)
    assert reached(cart.lineage) == 96


class Doit:
    """doit's own run command, each pass of which does to the disk what a test says.

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.cart = JobOnDisk(root)
        self.passes: list[Callable[[], object]] = []
        self.asked: list[list[str]] = []
        self.command: RelayRun
        monkeypatch.setattr(Run, "execute", self._execute, raising=False)

    def _execute(self, _params: object, tasks: list[str]) -> int:
        self.asked.append(tasks)
        if self.passes:
            self.passes.pop(0)()
        return 0

    def fails(
        self, job: str, then: Callable[[], object] | None = None, kind: type[TaskFailed] = TaskFailed
    ) -> Callable[[], object]:
        """A pass in which a task of `job` fails."""

        def fail() -> None:
            reporter: Any = self.command.reporters[NAME](io.StringIO(), {})
            reporter.add_failure(Task(f"run_full:{job}", None), kind("it failed"))
            if then is not None:
                then()

        return fail

    def run(self, *arguments: str) -> int:
        """Run a command line; return its exit code."""
        loader = RelayLoader()
        loader.namespace = {"__file__": str(self.root / "dodo.py")}
        self.command = RelayRun(task_loader=loader)
        code: int = self.command.execute({}, list(arguments))
        return code

    def session(self, timesteps: int | None, **changes: Any) -> Callable[[], object]:
        """A pass in which a session of cart reaches `timesteps`."""

        def ends() -> None:
            now = as_wanted(Workspace(self.root))
            tip = self.cart.lineage.tip
            parent = tip.restored.checkpoint if tip else None
            self.cart.add(Phase.RESTORED, timesteps=timesteps, parent=parent, **{**now, **changes})

        return ends


@pytest.fixture
def doit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doit:
    """A project with one job, of which nothing has run."""
    write_jobs(tmp_path, cart=cart_pole())
    return Doit(tmp_path, monkeypatch)


def test_resume_goes_on_until_the_goal_is_met(doit: Doit) -> None:
    doit.passes = [doit.session(64), doit.session(128), doit.session(256), doit.session(320)]
    assert doit.run("resume") == 0
    assert doit.asked == [["resume"], ["resume:cart"], ["resume:cart"]]


def test_run_full_runs_one_session(doit: Doit) -> None:
    doit.passes = [doit.session(64), doit.session(128)]
    assert doit.run() == 0
    assert doit.asked == [["run_full"]]


def test_resume_gives_up_where_nothing_is_gained(doit: Doit) -> None:
    doit.passes = [doit.fails("cart", doit.session(None)) for _ in range(5)]
    assert doit.run("resume") == 1
    assert len(doit.asked) == SESSIONS_WITHOUT_PROGRESS


@pytest.mark.parametrize(
    ("changes", "timesteps", "sessions"),
    [
        ({"outcome": {"interrupted_by": "InputError"}, "execution": {"state": "FAILED", "exit_code": 2}}, None, 1),
        ({"outcome": {"interrupted_by": "InputError"}, "execution": {"state": "FAILED", "exit_code": 2}}, 64, 1),
        ({"outcome": {"interrupted_by": "NaN loss"}, "execution": {"state": "FAILED", "exit_code": 1}}, 64, 1),
        ({"outcome": {"interrupted_by": "session limit"}}, None, 1),
        ({"outcome": {"interrupted_by": "ValueError"}, "execution": {"state": "FAILED", "exit_code": 1}}, None, 1),
        ({"execution": {"state": "FAILED", "reason": "it ran out of memory at 700 MiB"}}, None, 1),
        ({"outcome": {"interrupted_by": "hung in step"}, "execution": {"state": "FAILED"}}, None, 2),
        ({"execution": {"state": "FAILED", "reason": "the machine went down"}}, None, 2),
        ({"execution": {"state": "CANCELLED", "reason": "it was cancelled on Kaggle"}}, None, 2),
    ],
)
def test_a_session_is_repeated_only_where_its_reason_may_pass(
    doit: Doit, changes: dict[str, Any], timesteps: int | None, sessions: int
) -> None:
    doit.passes = [doit.fails("cart", doit.session(timesteps, **changes)) for _ in range(5)]
    assert doit.run("resume") == 1
    assert len(doit.asked) == sessions


def test_a_session_that_failed_and_was_made_up_for_is_no_failure(doit: Doit) -> None:
    doit.passes = [doit.fails("cart", doit.session(64)), doit.session(256)]
    assert doit.run("resume") == 0


def test_a_session_begun_for_less_is_finished_and_then_the_full_one_runs(doit: Doit) -> None:
    submitted = doit.cart.add(Phase.SUBMITTED, goal=64, **as_wanted(Workspace(doit.root), profile="quick"))

    def quick_one_ends() -> None:
        shutil.rmtree(submitted.path)
        doit.session(64, profile="quick", goal=64)()

    doit.passes = [quick_one_ends, doit.session(256)]
    assert doit.run("run_full") == 0
    assert doit.asked == [["run_full"], ["run_full:cart"]]


def test_only_the_jobs_that_go_on_are_asked_for_again(doit: Doit) -> None:
    write_jobs(doit.root, cart=cart_pole(), pole=cart_pole())
    pole = JobOnDisk(doit.root, "pole")
    pole.add(Phase.RESTORED, timesteps=256, **as_wanted(Workspace(doit.root), "pole"))
    doit.passes = [doit.session(64), doit.session(256)]
    assert doit.run("resume:cart", "resume:pole") == 0
    assert doit.asked == [["resume:cart"], ["resume:pole"], ["resume:cart"]]


def test_a_job_that_failed_for_good_is_not_forgotten_while_another_goes_on(doit: Doit) -> None:
    write_jobs(doit.root, cart=cart_pole(), pole=cart_pole(algorithm="A2C", hyperparameters={"n_steps": 32}))
    JobOnDisk(doit.root, "pole").add(Phase.RESTORED, timesteps=64, rules=as_wanted(Workspace(doit.root))["rules"])
    doit.passes = [doit.session(64), doit.fails("pole"), doit.session(256)]
    assert doit.run("resume") == 1
    assert doit.asked == [["resume:cart"], ["resume:pole"], ["resume:cart"]]


def test_what_was_asked_for_beside_a_run_is_done_once(doit: Doit) -> None:
    doit.passes = [doit.session(64), doit.session(256)]
    assert doit.run("verify", "resume") == 0
    assert doit.asked == [["verify", "resume"], ["resume:cart"]]


def test_a_command_that_runs_no_session_makes_one_pass(doit: Doit) -> None:
    assert doit.run("plan") == 0
    doit.passes = [doit.fails("cart")]
    assert doit.run("verify") == 1
    assert doit.asked == [["plan"], ["verify"]]
    assert not doit.cart.runs.path.exists()


def test_what_was_judged_again_is_followed_by_what_it_then_needs(doit: Doit) -> None:
    doit.session(256, rules={})()

    def judged_anew() -> None:
        shutil.rmtree(doit.cart.runs.job("cart"))
        doit.session(64)()

    doit.passes = [judged_anew, doit.session(256)]
    assert doit.run("run_full") == 0
    assert doit.asked == [["run_full"], ["run_full:cart"]]


def test_a_held_job_is_left_alone(doit: Doit, capsys: pytest.CaptureFixture[str]) -> None:
    with held(doit.cart.runs, "cart", "doit resume"), pytest.raises(SystemExit) as caught:
        doit.run("run_full")
    assert caught.value.code == 1
    assert "job cart: is held by process " in capsys.readouterr().err
    assert doit.asked == []


@pytest.mark.parametrize("command", ["plan", "status", "verify", "cancel"])
def test_commands_that_change_no_session_run_beside_the_one_that_does(doit: Doit, command: str) -> None:
    with held(doit.cart.runs, "cart", "doit resume"):
        assert doit.run(command) == 0


def test_nothing_to_do_is_said_beside_whoever_holds_the_job(doit: Doit) -> None:
    doit.session(256)()
    with held(doit.cart.runs, "cart", "doit resume"):
        assert doit.run("run_full") == 0
    assert doit.asked == [["run_full"]]


@pytest.mark.parametrize("command", ["fresh", "fresh:cart"])
def test_a_lineage_that_is_done_is_not_archived_under_whoever_holds_the_job(doit: Doit, command: str) -> None:
    doit.session(256)()
    with held(doit.cart.runs, "cart", "doit resume"), pytest.raises(SystemExit):
        doit.run(command)
    assert doit.asked == []


def test_the_job_is_held_while_doit_runs_and_given_back_afterwards(doit: Doit) -> None:
    seen: list[str] = []

    def look() -> None:
        seen.append(doit.cart.runs.lock_holder("cart").read_text(encoding="utf-8"))
        with pytest.raises(SystemExit):
            doit.run("run_full:cart")

    doit.passes = [look]
    doit.run("run_full:cart")
    assert '"command": "doit run_full:cart"' in seen[0]
    with held(doit.cart.runs, "cart", "doit resume"):
        pass


def test_an_interrupted_command_says_how_to_attach_again(doit: Doit, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    doit.passes = [interrupt]
    assert doit.run("resume:cart") == 130
    assert "the same command attaches to it again, `doit cancel:cart` asks it to stop" in capsys.readouterr().err


def test_a_mistake_ends_the_command_before_anything_is_run(doit: Doit, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        doit.run("run_quick", "resume")
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith("asks for resume and run_quick at once; run one at a time\n")
    assert doit.asked == []


@pytest.mark.parametrize(
    ("variables", "command", "said"),
    [
        ({"sessions": "two"}, ("resume",), "variable sessions: is 'two'; write how many at once, as in sessions=4"),
        ({"sessions": "0"}, ("resume",), "variable sessions: is '0'; write how many at once, as in sessions=4"),
        ({"gpu_hours": "-1"}, ("resume",), "variable gpu_hours: is '-1'; write how many hours, as in gpu_hours=20"),
        ({"sessions": "2"}, ("verify", "resume"), "write `doit resume sessions=4`"),
    ],
)
def test_caps_that_cannot_be_kept_to_are_refused(
    doit: Doit,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    command: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setattr(doit_cmd, "_CMDLINE_VARS", variables)
    monkeypatch.setattr("sys.argv", ["doit", *command])
    with pytest.raises(SystemExit) as caught:
        doit.run(*command)
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(f"{said}\n")
    assert doit.asked == []


@pytest.fixture
def unattended(doit: Doit, monkeypatch: pytest.MonkeyPatch) -> Doit:
    """The same project, for commands that do not wait."""
    monkeypatch.setattr(doit_cmd, "_CMDLINE_VARS", {"wait": "no"})
    return doit


def test_without_waiting_one_command_does_all_that_can_be_done(unattended: Doit) -> None:
    under_way = unattended.fails("cart", lambda: unattended.cart.add(Phase.SUBMITTED), kind=TaskUnderWay)
    unattended.passes = [unattended.session(64), unattended.session(128), under_way, unattended.session(256)]
    assert unattended.run("resume") == UNDER_WAY
    assert unattended.asked == [["resume"], ["resume:cart"], ["resume:cart"]]


def test_without_waiting_a_place_that_takes_no_session_is_not_asked_for_ever(unattended: Doit) -> None:
    unattended.cart.add(Phase.PACKAGED)
    unattended.passes = [unattended.fails("cart") for _ in range(5)]
    assert unattended.run("resume") == 1
    assert len(unattended.asked) == SESSIONS_WITHOUT_PROGRESS


def test_without_waiting_a_job_that_another_process_holds_is_left_to_it(
    unattended: Doit, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jobs(unattended.root, cart=cart_pole(), pole=cart_pole())
    with held(unattended.cart.runs, "pole", "doit resume"):
        unattended.passes = [unattended.session(256)]
        assert unattended.run("resume:cart", "resume:pole") == UNDER_WAY
        assert unattended.asked == [["resume:cart"]]
        assert "job pole: is held by process " in capsys.readouterr().out
        assert unattended.run("resume:pole") == UNDER_WAY
    assert unattended.asked == [["resume:cart"]]


@pytest.mark.parametrize(
    ("changes", "timesteps", "sessions"),
    [
        ({"outcome": {"interrupted_by": "InputError"}, "execution": {"state": "FAILED", "exit_code": 2}}, 64, 1),
        ({"outcome": {"interrupted_by": "NaN loss"}, "execution": {"state": "FAILED", "exit_code": 1}}, 64, 1),
        ({"outcome": {"interrupted_by": "session limit"}}, None, 1),
        ({"execution": {"cancel_requested": True}}, 64, 1),
        ({"outcome": {"interrupted_by": "hung in step"}, "execution": {"state": "FAILED"}}, None, 2),
        ({"execution": {"state": "FAILED", "reason": "the machine went down"}}, None, 2),
    ],
)
def test_many_commands_give_up_where_one_would_have(
    unattended: Doit, changes: dict[str, Any], timesteps: int | None, sessions: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 4):  # in each the session that ran is brought home, and then perhaps a further one begins
        collected = [unattended.session(timesteps, **changes)] if number <= sessions else []
        begun = unattended.fails("cart", kind=TaskUnderWay)
        unattended.passes = [*collected, begun]
        assert unattended.run("resume") == (UNDER_WAY if number < sessions else 1)
    assert len(unattended.cart.lineage.sessions) == sessions
    assert "cart: " in capsys.readouterr().out
    write_jobs(unattended.root, cart=cart_pole(session_limit="1h"))
    unattended.passes = [unattended.session(256)]
    assert unattended.run("resume") == 0  # whoever changes the job asks for another try


def test_without_waiting_max_sessions_needs_a_person(unattended: Doit, capsys: pytest.CaptureFixture[str]) -> None:
    write_jobs(unattended.root, cart=cart_pole(max_sessions=2))
    unattended.passes = [unattended.session(64), unattended.session(128), unattended.session(256)]
    assert unattended.run("resume") == 1
    assert "cart: stopped at max_sessions; raise it in jobs.yaml to go on\n" in capsys.readouterr().out
    assert unattended.run("resume") == 1
    assert "cart: has had max_sessions sessions; raise it in jobs.yaml to go on\n" in capsys.readouterr().out
    assert len(unattended.asked) == 2
    assert unattended.run("run_full") == 0  # asked for one, it runs one
    assert len(unattended.cart.lineage.sessions) == 3


class Told:
    """Whoever is notified, as `Notifier`."""

    is_complete = True

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def tell(self, notice: Notice, stated: str | None) -> None:
        assert stated == "$MY_HOOK"
        self.notices.append(notice)

    def close(self) -> None:
        """Nothing is left."""


@pytest.fixture
def told(doit: Doit, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Who is told of the job."""
    write_jobs(doit.root, cart=cart_pole(notify="$MY_HOOK"))
    listener = Told()
    monkeypatch.setattr("runner.doit.run.Notifier", lambda _runs: listener)
    return listener


def test_a_goal_that_is_met_is_told(doit: Doit, told: Told) -> None:
    doit.passes = [doit.session(64), doit.session(256)]
    doit.run("resume")
    (notice,) = told.notices
    assert (notice.event, notice.session, notice.timesteps, notice.goal) == ("goal met", "0002", 256, 256)


def test_a_job_that_needs_a_person_is_told_with_the_reason(unattended: Doit, told: Told) -> None:
    diverged = {"outcome": {"interrupted_by": "NaN loss"}, "execution": {"state": "FAILED", "exit_code": 1}}
    unattended.passes = [unattended.fails("cart", unattended.session(64, **diverged))]
    assert unattended.run("resume") == 1
    assert unattended.run("resume") == 1
    assert [(each.event, each.session) for each in told.notices] == [("a person is needed", "0001")] * 2
    assert told.notices[0].message == "it failed"
    assert "session 0001 ended (diverged)" in told.notices[1].message


def test_what_goes_on_or_is_only_quick_is_not_told(unattended: Doit, told: Told) -> None:
    unattended.passes = [unattended.fails("cart", kind=TaskUnderWay)]
    assert unattended.run("resume") == UNDER_WAY
    unattended.passes = [unattended.session(64, profile="quick", goal=64)]
    assert unattended.run("run_quick") == 0
    unattended.passes = [unattended.session(128)]
    assert unattended.run("run_full") == 0
    assert told.notices == []
