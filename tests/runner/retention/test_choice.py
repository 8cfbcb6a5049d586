"""What of a lineage stays on the disk: what is in use, what jobs.yaml keeps, and never less."""

from __future__ import annotations

import contextlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from contract.documents.removed import Removed
from contract.errors import CheckpointError, InputError
from contract.storage import files
from runner.commands.mending.verify import verify
from runner.commands.saying import AlreadySaidError
from runner.commands.start_afresh import start_afresh
from runner.commands.tidy import tidy
from runner.lineage import Phase, every_lineage
from runner.lock import held
from runner.retention.choice import InUse
from runner.retention.removal import in_use_now, remove, sift
from runner.retention.values import Keep
from runner.stages.parent import choose_parent
from runner.steering.happened import tell_history
from runner.workspace import Workspace
from tests.project import cart_pole
from tests.runner.conftest import JobOnDisk, as_wanted, write, write_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from runner.layout import SessionFolder

ONE = Keep(latest=1, every=0, best=1)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A project with one job, whose values keep as little as may be."""
    write_jobs(tmp_path, cart=cart_pole(total_timesteps=1_000, keep={"latest": 1}))
    return Workspace(tmp_path)


class Lineage:
    """A lineage of sessions that each leave a checkpoint, and were each given something.

    Args:
        cart: where it is written.
        own: that it is up to date.
    """

    def __init__(self, cart: JobOnDisk, own: dict[str, Any]) -> None:
        self.cart = cart
        self.own = own
        self.references: list[dict[str, Any]] = []

    def add(self, timesteps: int, parent: int | None = None, sources: bytes = b"one", **changes: Any) -> SessionFolder:
        """One more session; `parent` is the number of the one that it goes on from, the one before if not given."""
        number = len(self.references) + 1
        before = number - 1 if parent is None else parent
        reference = self.cart.checkpoint(number, timesteps) | changes
        segments = changes.pop("segments", ())
        if segments:
            reference["replay"] = self._replay(number, segments)
        own = [each for each in self.references if int(each["session"]) <= before]
        fallbacks = [*reversed(own)][:4]
        given = self.references[before - 1] if before else None
        folder = self.cart.add(Phase.RESTORED, timesteps=timesteps, parent=given, fallbacks=fallbacks, **self.own)
        restored = json.loads(folder.restored_json.read_text())
        write(folder.restored_json, restored | {"checkpoint": reference})
        self._give(folder, {"sources.bundle": sources, "parent_checkpoint.bundle": b"parent", "job.json": b"{}"})
        self.references.append(reference)
        return folder

    def _replay(self, number: int, contents: tuple[bytes, ...]) -> dict[str, Any]:
        folder = self.cart.runs.session("cart", number)
        replay = folder.artifacts / "checkpoints" / "replay"
        replay.mkdir(parents=True, exist_ok=True)
        segments = []
        for content in contents:
            sha256 = files.sha256_of_bytes(content)
            (replay / f"{sha256}.segment").write_bytes(content)
            segments.append({"sha256": sha256, "bytes": len(content)})
        where = replay.relative_to(self.cart.runs.job("cart")).as_posix()
        return {"folder": where, "bytes": sum(map(len, contents)), "segments": segments}

    def _give(self, folder: SessionFolder, payload: dict[str, bytes]) -> None:
        folder.payload.mkdir(parents=True)
        entries = {}
        for name, content in payload.items():
            (folder.payload / name).write_bytes(content)
            entries[name] = {"bytes": len(content), "sha256": files.sha256_of_bytes(content)}
        package = json.loads(folder.package_json.read_text())
        write(folder.package_json, package | {"files": entries})

    def best(self, folder: SessionFolder, content: bytes, reward: float) -> None:
        """Have a session hold a best model."""
        path = folder.artifacts / "best_model" / "best_model.zip"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        restored = json.loads(folder.restored_json.read_text())
        model = restored["checkpoint"] | {
            "file": path.relative_to(self.cart.runs.job("cart")).as_posix(),
            "session": folder.number,
            "bytes": len(content),
            "sha256": files.sha256_of_bytes(content),
            "best_mean_reward": reward,
        }
        write(folder.restored_json, restored | {"best_model": model})

    def left(self, keep: Keep, in_use: InUse | None = None) -> list[str]:
        """The files of checkpoints and models that stay, shortened."""
        sifted = sift(self.cart.lineage, self.cart.runs.job("cart"), keep, in_use or InUse())
        return sorted(
            each.replace("/artifacts/checkpoints/cart_checkpoint_", " ").replace("/artifacts/best_model/", " ")
            for each in sifted.stay
            if each.endswith(".zip")
        )


@pytest.fixture
def line(workspace: Workspace, cart: JobOnDisk) -> Lineage:
    """Six sessions that went on from each other, whose rewards rise and fall."""
    line = Lineage(cart, as_wanted(workspace))
    for number, reward in enumerate((1.0, 9.0, 3.0, 8.0, 2.0, 4.0), start=1):
        line.add(number * 100, mean_reward=reward)
    return line


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (Keep(latest=1, every=0, best=1), [2, 6]),
        (Keep(latest=3, every=0, best=1), [2, 4, 5, 6]),
        (Keep(latest=1, every=2, best=1), [2, 4, 6]),
        (Keep(latest=1, every=5, best=2), [2, 4, 5, 6]),
        (Keep(latest=99, every=0, best=1), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_the_latest_each_nth_and_the_best_stay(line: Lineage, keep: Keep, expected: list[int]) -> None:
    assert line.left(keep) == [f"{number:04d} {number}00_steps.zip" for number in expected]


def test_each_nth_is_counted_from_the_first_whatever_is_gone(line: Lineage) -> None:
    every_second = Keep(latest=1, every=2, best=1)
    first = line.left(every_second)
    remove(sift(line.cart.lineage, line.cart.runs.job("cart"), every_second, InUse()))
    assert line.left(every_second) == first
    line.add(700, mean_reward=0.0)
    assert line.left(every_second) == [
        "0002 200_steps.zip",
        "0004 400_steps.zip",
        "0006 600_steps.zip",
        "0007 700_steps.zip",
    ]


def test_what_came_before_a_session_that_is_gone_counts_all_the_same(line: Lineage) -> None:
    shutil.rmtree(line.cart.runs.session("cart", 3).path)
    assert line.left(Keep(latest=1, every=0, best=1)) == ["0002 200_steps.zip", "0006 600_steps.zip"]


def test_what_is_in_use_stays_whatever_is_stated(workspace: Workspace, line: Lineage) -> None:
    used = in_use_now(workspace, line.cart.lineage)
    assert line.left(ONE, used) == ["0002 200_steps.zip", "0005 500_steps.zip", "0006 600_steps.zip"]
    # The newest one is damaged: where a run goes on instead, and the next sound one behind that.
    damaged = line.cart.runs.job("cart") / line.references[-1]["file"]
    damaged.write_bytes(damaged.read_bytes()[::-1])
    used = in_use_now(workspace, line.cart.lineage)
    assert [each.timesteps for each in used.fallbacks] == [500, 400]
    # A session that runs was given the third one.
    line.cart.add(Phase.SUBMITTED, parent=line.references[2], **line.own)
    assert "0003 300_steps.zip" in line.left(ONE, in_use_now(workspace, line.cart.lineage))


def test_where_a_redo_would_begin_stays(workspace: Workspace, cart: JobOnDisk) -> None:
    own = as_wanted(workspace)
    line = Lineage(cart, {**own, "profile": "quick"})
    line.add(100, mean_reward=1.0)
    line.own = own
    for timesteps in (200, 300, 1_000):
        line.add(timesteps, mean_reward=5.0)
    used = in_use_now(workspace, cart.lineage)
    assert 1 in used.origins
    assert line.left(ONE, used) == ["0001 100_steps.zip", "0003 300_steps.zip", "0004 1000_steps.zip"]
    # While a session is under way nobody decides about a redo, and its end may ask for one.
    cart.add(Phase.SUBMITTED, parent=line.references[-1], **own)
    assert 1 in in_use_now(workspace, cart.lineage).origins


def test_what_was_done_again_does_not_count_as_the_line(line: Lineage) -> None:
    line.add(350, parent=3, mean_reward=0.5)
    line.add(450, parent=7, mean_reward=0.5)
    assert line.left(Keep(latest=2, every=0, best=1)) == [
        "0002 200_steps.zip",
        "0007 350_steps.zip",
        "0008 450_steps.zip",
    ]


def test_a_segment_that_a_kept_checkpoint_names_stays_with_it(workspace: Workspace, cart: JobOnDisk) -> None:
    line = Lineage(cart, as_wanted(workspace))
    shared, old, new = b"shared", b"old", b"new"
    folder = line.add(100, segments=(shared, old), mean_reward=1.0)
    # The session left two checkpoints, which share a segment.
    newer = cart.checkpoint(1, 150) | {"replay": line._replay(1, (shared, new)), "mean_reward": 2.0}  # noqa: SLF001 - its own test
    restored = json.loads(folder.restored_json.read_text())
    write(folder.restored_json, restored | {"checkpoint": newer, "fallbacks": [line.references[0]]})
    line.references[0] = newer
    line.add(200, mean_reward=0.5)
    job = cart.runs.job("cart")
    sifted = sift(cart.lineage, job, ONE, InUse())
    remove(sifted)
    left = {path.read_bytes() for path in (folder.artifacts / "checkpoints" / "replay").iterdir()}
    assert left == {shared, new}
    assert [path.name for path in (folder.artifacts / "checkpoints").glob("*.zip")] == ["cart_checkpoint_150_steps.zip"]


def test_best_models_stay_where_a_training_ended_and_the_best_of_all(line: Lineage) -> None:
    sessions = line.cart.lineage.sessions
    for session, (content, reward) in zip(
        sessions, [(b"a", 1.0), (b"a", 1.0), (b"b", 5.0), (b"b", 5.0), (b"c", 7.0), (b"c", 7.0)], strict=True
    ):
        line.best(session.folder, content, reward)
    models = [each for each in line.left(ONE) if "best_model" in each]
    assert models == ["0006 best_model.zip"]
    two = [each for each in line.left(Keep(latest=1, every=0, best=2)) if "best_model" in each]
    assert two == ["0004 best_model.zip", "0006 best_model.zip"]


def test_of_what_sessions_were_given_each_program_stays_once(workspace: Workspace, cart: JobOnDisk) -> None:
    line = Lineage(cart, as_wanted(workspace))
    for number, sources in enumerate((b"one", b"one", b"two"), start=1):
        line.add(number * 100, sources=sources)
    remove(sift(cart.lineage, cart.runs.job("cart"), Keep(latest=9, every=0, best=1), InUse()))
    given = {
        each.folder.number: sorted(path.name for path in each.folder.payload.iterdir())
        for each in cart.lineage.sessions
    }
    assert given == {
        "0001": ["job.json"],
        "0002": ["job.json", "sources.bundle"],
        "0003": ["job.json", "sources.bundle"],
    }


def test_a_file_with_two_names_frees_nothing_until_both_go(workspace: Workspace, cart: JobOnDisk) -> None:
    line = Lineage(cart, as_wanted(workspace))
    line.add(100)
    folder = line.add(200)
    bundle = folder.payload / "parent_checkpoint.bundle"
    bundle.unlink()
    bundle.hardlink_to(cart.runs.job("cart") / line.references[0]["file"])
    size = bundle.stat().st_size
    both = sift(cart.lineage, cart.runs.job("cart"), ONE, InUse())
    one = sift(cart.lineage, cart.runs.job("cart"), Keep(latest=2, every=0, best=1), InUse())
    assert both.freed - one.freed == size


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said since the last look."""
    return capsys.readouterr().out


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of the command line, to be set."""
    known: dict[str, str] = {}
    monkeypatch.setattr("doit.doit_cmd._CMDLINE_VARS", known)
    return known


def test_nothing_goes_unasked_and_what_went_is_written_down(
    workspace: Workspace, line: Lineage, variables: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    runs = line.cart.runs
    before = sorted(runs.path.rglob("*"))
    assert tidy(workspace, ["cart"]) == 0
    said = told(capsys)
    assert "gc  cart:   goes   checkpoint: 3 file(s) of session 0001 to 0004" in said
    assert "gc  nothing was removed; `doit gc:cart apply=yes` frees" in said
    assert sorted(runs.path.rglob("*")) == before

    variables["apply"] = "yes"
    assert tidy(workspace, ["cart"]) == 0
    assert "were freed on this machine" in told(capsys)
    assert tidy(workspace, ["cart"]) == 0
    assert told(capsys).splitlines() == ["gc  cart: nothing of it can go"]
    removed = Removed.read(runs.session("cart", 1).removed_json)
    (checkpoint,) = (each for file, each in removed.files.items() if file.endswith(".zip"))
    assert (checkpoint.sha256, checkpoint.why) == (line.references[0]["sha256"], "checkpoint")
    assert not (runs.job("cart") / line.references[0]["file"]).exists()

    plan = workspace.reopened().plan("cart", "full")
    assert str(plan.decision) == "goes on from session 0006 at 600 of 1,000 timesteps"
    variables["only"] = "checkpoints,lineages"
    with contextlib.suppress(AlreadySaidError):  # these checkpoints are no trained ones, and load nowhere
        verify(workspace, ["cart"])
    assert "is missing" not in told(capsys)
    assert [each.kind for _, each in tell_history(every_lineage(runs, "cart"))][-1] == "removed"
    variables.clear()
    tidy(workspace, ["cart"])
    assert told(capsys) == "gc  cart: nothing of it can go\n"


def test_a_checkpoint_that_was_removed_is_told_from_one_that_is_missing(
    line: Lineage, variables: dict[str, str], workspace: Workspace
) -> None:
    variables["apply"] = "yes"
    tidy(workspace, ["cart"])
    job = line.cart.runs.job("cart")
    fourth = line.cart.lineage.sessions[3].restored
    with pytest.raises(CheckpointError) as caught:
        choose_parent(fourth.__class__.read(line.cart.runs.session("cart", 1).restored_json), job)
    assert "cart_checkpoint_100_steps.zip: was removed by `doit gc`" in str(caught.value)
    (job / line.references[1]["file"]).unlink()
    with pytest.raises(
        CheckpointError, match=r"cart_checkpoint_200_steps.zip: is missing; .*100_steps.zip: was removed"
    ):
        choose_parent(fourth.__class__.read(line.cart.runs.session("cart", 2).restored_json), job)


def test_lineages_that_were_put_away_are_tidied_by_the_same_values(
    workspace: Workspace, line: Lineage, variables: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    start_afresh(workspace, "cart")
    variables["apply"] = "yes"
    tidy(workspace, ["cart"])
    assert "gc  cart-001:   goes   checkpoint: 3 file(s)" in told(capsys)
    left = sorted(path.name for path in line.cart.runs.archive("cart", 1).rglob("cart_checkpoint*"))
    assert left == [f"cart_checkpoint_{number}00_steps.zip" for number in (2, 5, 6)]


def test_a_job_that_somebody_works_on_or_that_cannot_be_read_is_left_alone(
    workspace: Workspace, line: Lineage, variables: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    variables["apply"] = "yes"
    before = sorted(line.cart.runs.job("cart").rglob("*"))
    with held(line.cart.runs, "cart", "doit resume"):
        assert tidy(workspace, ["cart"]) == 1
    assert "job cart: is held by process" in told(capsys)
    (line.cart.runs.session("cart", 2).restored_json).write_text("{")
    assert tidy(workspace, ["cart"]) == 1
    assert "restored.json: cannot be read" in told(capsys)
    assert sorted(line.cart.runs.job("cart").rglob("*")) == before


def test_what_is_kept_is_read_with_line_numbers_and_makes_nothing_stale(workspace: Workspace) -> None:
    before = workspace.plan("cart", "full").wanted
    write_jobs(workspace.runs.root, cart=cart_pole(total_timesteps=1_000, keep={"latest": 7, "every": 10, "best": 2}))
    assert workspace.reopened().kept("cart") == Keep(7, 10, 2)
    assert workspace.reopened().plan("cart", "full").wanted == before
    write_jobs(workspace.runs.root, cart=cart_pole(keep={"latest": 0}))
    with pytest.raises(InputError, match=r"jobs.yaml, line \d+, jobs.cart.keep.latest: "):
        workspace.reopened().kept("cart")
    write_jobs(workspace.runs.root, cart=cart_pole(keep={"newest": 3}))
    with pytest.raises(InputError, match=r"jobs.yaml, line \d+, jobs.cart.keep.newest: unknown key"):
        workspace.reopened().kept("cart")
    write_jobs(workspace.runs.root, cart=cart_pole())
    assert workspace.reopened().kept("cart") == Keep(5, 0, 1)
