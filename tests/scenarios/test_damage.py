"""What is broken is refused by name; what is sound is gone on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.documents.runs import Request
from contract.storage import layout
from tests.project import Kept, Project, cart_pole

if TYPE_CHECKING:
    from pathlib import Path

FAILING_ENVIRONMENT = """
import weakref

import gymnasium as gym

STEPS = weakref.WeakKeyDictionary()  # beside the environment's state: each session begins to count anew


class FailsLater(gym.Wrapper):
    def step(self, action):
        STEPS[self] = STEPS.get(self, 0) + 1
        if STEPS[self] > 120:
            raise RuntimeError("the simulator crashed")
        return super().step(action)


gym.register("FailsLater-v0", lambda: FailsLater(gym.make("CartPole-v1")))
"""


@pytest.fixture(scope="module")
def kept(shared_project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Kept, Kept]:
    """A project whose job has one session, which left two checkpoints: before they are looked at, and after."""
    folder = tmp_path_factory.mktemp("kept")
    shared_project.write_jobs(cart=cart_pole(total_timesteps=192))
    shared_project.kill_at("validate", "run_full")
    before = Kept(shared_project, folder / "before")
    shared_project.doit("run_full")
    return before, Kept(shared_project, folder / "after")


@pytest.fixture
def downloaded(kept: tuple[Kept, Kept]) -> Project:
    """The same project for each test, as it was before."""
    return kept[0].again()


@pytest.fixture
def trained(kept: tuple[Kept, Kept]) -> Project:
    """The same project for each test, as it was after."""
    return kept[1].again()


def write_failing_package(project: Project) -> dict[str, object]:
    """An environment package of the user's own that crashes after 120 steps; the job that uses it."""
    package = project.root / "crashing"
    package.mkdir()
    (package / "__init__.py").write_text(FAILING_ENVIRONMENT, encoding="utf-8")
    environment = {"id": "crashing:FailsLater-v0", "n_envs": 1}
    return cart_pole(env=environment, sources=["crashing"], save_freq=32, total_timesteps=192)


def test_a_failed_session_with_one_good_checkpoint_is_restored_and_gone_on_from(project: Project) -> None:
    project.write_jobs(cart=write_failing_package(project))
    output = project.doit("run_full", expect=1)
    assert "RuntimeError: the simulator crashed" in output
    assert "session 0001 reached 96 of 192 timesteps and ended: RuntimeError: the simulator crashed" in output
    assert "`doit resume:cart` goes on" in output
    assert project.restored("cart", 1).outcome.interrupted_by == "RuntimeError"
    output = project.doit("plan", "resume")
    assert "goes on from session 0001 at 96 of 192 timesteps" in output
    # Each further session lives for 120 steps of its own process, so the goal is met in the end.
    assert "session 0002 reached 192 of 192 timesteps: goal met" in output


def test_resume_gives_up_on_a_job_that_gains_nothing(project: Project) -> None:
    job = write_failing_package(project)
    source = project.root / "crashing" / "__init__.py"
    source.write_text(source.read_text(encoding="utf-8").replace("120", "10"), encoding="utf-8")
    project.write_jobs(cart=job)
    output = project.doit("resume", expect=1)
    assert "session 0001 reached 0 of 192 timesteps and ended: RuntimeError" in output
    assert "another session would end as this one did: correct it, then run `doit resume:cart`" in output
    assert len(project.sessions("cart")) == 1, "it would have crashed there again"


def spoil(newest: Path, damage: str) -> None:
    content = newest.read_bytes()
    match damage:
        case "truncated":
            newest.write_bytes(content[:-100])
        case "corrupted":
            newest.write_bytes(content[:5_000] + bytes([content[5_000] ^ 1]) + content[5_001:])
        case "missing":
            newest.unlink()


OTHERS = pytest.mark.long(
    "each is refused so in tests/runner/stages/test_wiring.py, and named in verifying/test_breakages.py"
)


@pytest.mark.parametrize(
    "damage", ["corrupted", *(pytest.param(each, marks=OTHERS) for each in ("truncated", "missing"))]
)
def test_a_damaged_checkpoint_is_refused_by_name_and_the_previous_one_is_gone_on_from(
    trained: Project, damage: str
) -> None:
    spoil(trained.checkpoint("cart", 1), damage)
    assert "cart_checkpoint_192_steps.zip" in trained.doit("verify", "only=checkpoints", expect=1)
    trained.write_jobs(cart=cart_pole())
    output = trained.doit("run_full")
    assert "[CHECKPOINT] Refused 0001/artifacts/checkpoints/cart_checkpoint_192_steps.zip: " in output
    assert "cart_checkpoint_128_steps.zip at 128 timesteps instead" in output
    session = trained.runs.session("cart", 2)
    before = trained.checkpoint("cart", 1).with_name("cart_checkpoint_128_steps.zip")
    assert (session.payload / layout.PARENT_CHECKPOINT).read_bytes() == before.read_bytes()
    parent = Request.read(session.payload / layout.REQUEST_FILE).parent
    assert parent is not None
    assert (parent.session, parent.timesteps) == ("0001", 128)
    assert "session 0002 reached 256 of 256 timesteps: goal met" in output


def test_a_download_that_is_damaged_before_validation_is_refused_there(downloaded: Project) -> None:
    newest = max(downloaded.sessions("cart")[0].artifacts.glob("checkpoints/*192*"))
    newest.write_bytes(newest.read_bytes()[:-1])
    output = downloaded.doit("run_full", expect=1)
    assert "[CHECKPOINT] Refused checkpoints/cart_checkpoint_192_steps.zip: " in output
    assert "[CHECKPOINT] Found 1 checkpoint(s) to restore:" in output
    assert downloaded.adopted("cart", 1).timesteps == 128
    assert "session 0002 reached 192 of 192 timesteps: goal met" in downloaded.doit("run_full")


def test_a_run_whose_every_checkpoint_is_damaged_does_not_start_at_zero(trained: Project) -> None:
    for checkpoint in trained.checkpoint("cart", 1).parent.glob("*.zip"):
        checkpoint.write_bytes(b"")
    trained.write_jobs(cart=cart_pole())
    output = trained.doit("run_full", expect=1)
    assert "no checkpoint is intact any more" in output
    assert "run `doit fresh:cart` to start anew" in output
    assert trained.starts("cart") == 1
