"""Sessions that are killed at any moment, in time and in a save, add up to exactly the uninterrupted run.

A quick share, drawn from a seed, is part of the suite. With `--long` there are some hundred more, and
every file operation of four sessions is gone through.
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if sys.platform == "win32":
    pytest.skip("Windows has neither SIGKILL nor processes that fork", allow_module_level=True)

from signal import SIGINT, SIGTERM, Signals

from runner.curve.measurements import Curve
from tests.scenarios.kills import Lineage, Strike, server_of_sessions
from tests.scenarios.kills_checks import check_end
from tests.scenarios.kills_child import KINDS, SIGKILL, Blow
from tests.scenarios.kills_curves import check_seams, curve_of, measured
from tests.scenarios.kills_jobs import JOBS, OFF_POLICY, ON_POLICY, SEGMENT_BYTES, job_values
from tests.scenarios.kills_trials import Trials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.scenarios.kills_checks import Whole

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]

SEED = 3
CUTS_PER_LINEAGE = 3
LONGEST_DELAY_SECONDS = 0.02
"""As long as some steps, an update or a save take."""
LONGEST_GAP_SECONDS = 0.03
"""Between two signals: about as long as a session needs to save and end."""
HANGING_SECONDS = 2.0
"""Longer than a whole run takes."""


@pytest.fixture(scope="module")
def trials(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    began = time.monotonic()
    with server_of_sessions():
        trials = Trials(tmp_path_factory.mktemp("kills"), long=request.config.getoption("--long"))
        yield trials
    plugins = request.config.pluginmanager
    terminal, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")
    if trials.long and terminal is not None and capture is not None:
        with capture.global_and_fixture_disabled():
            terminal.write_line("")
            for line in (*trials.tally.lines(), f"in {(time.monotonic() - began) / 60:.1f} minutes, seed {SEED}"):
                terminal.write_line(line)


def draw_for(*names: object) -> random.Random:
    return random.Random(" ".join(map(str, (SEED, *names))))


@dataclass(frozen=True)
class Ahead:
    """What a lineage has before it, to draw moments from."""

    draw: random.Random
    whole: Whole
    start: int

    def strike(self, *signals: Signals) -> Strike:
        """At any moment."""
        gap = self.draw.uniform(0, LONGEST_GAP_SECONDS)
        return Strike(signals, self.timesteps(), self.draw.uniform(0, LONGEST_DELAY_SECONDS), gap)

    def timesteps(self) -> int:
        """From the checkpoint that lies before it to the goal."""
        return self.draw.randint(self.start, self.whole.timesteps - 1)

    def count(self, whole: int) -> int:
        """One of as many steps or operations as the next session will take, of `whole` in an uninterrupted run."""
        return self.draw.randint(1, max(1, round(0.9 * whole * (1 - self.start / self.whole.timesteps))))


Way = tuple[tuple[Blow, ...], Strike | None]


def kill_at_a_moment(ahead: Ahead) -> Way:
    return (), ahead.strike(SIGKILL)


def kill_at_an_operation(ahead: Ahead) -> Way:
    return (Blow("operation", ahead.count(sum(ahead.whole.operations.values()))),), None


def kill_in_the_last_save(ahead: Ahead) -> Way:
    stop = Blow("step", ahead.count(ahead.whole.steps), (SIGTERM,))
    return (stop, Blow("last operation", ahead.draw.randint(1, 12))), None


def stop_at_a_moment(ahead: Ahead) -> Way:
    return (), ahead.strike(ahead.draw.choice((SIGTERM, SIGINT)))


def stop_twice(ahead: Ahead) -> Way:
    return (), ahead.strike(SIGTERM, SIGTERM)


WAYS = (kill_at_a_moment, kill_at_an_operation, kill_in_the_last_save, stop_at_a_moment, stop_twice)


QUICK = ("ppo-normalized", "ppo-own", "recurrentppo", "dqn-her", "td3-random-walk", "ars-normalized")
"""Of each way to keep a state one: rollouts and running means, parts of a user's own, a recurrent policy, a buffer of
dictionaries, noise that walks, and a loop of its own. The others have no other state, each algorithm is gone on from in
`tests/trainer/test_every_algorithm.py`, and `dqn` is cut off below."""
RANDOMLY_CUT = [
    each if each in QUICK else pytest.param(each, marks=pytest.mark.long("its state is kept as another one's is"))
    for each in JOBS
]


@pytest.mark.parametrize("name", RANDOMLY_CUT)
def test_sessions_cut_off_at_random_moments_add_up_to_the_uninterrupted_run(trials: Trials, name: str) -> None:
    draw, whole = draw_for(name), trials.whole(name)
    for _ in range(8 if trials.long else 1):
        with trials.lineage(name) as lineage:
            others = draw.sample(WAYS, CUTS_PER_LINEAGE - 1) if trials.long else [WAYS[QUICK.index(name) % len(WAYS)]]
            ways = [kill_at_a_moment, *others]
            for way in draw.sample(ways, len(ways)):
                blows, strike = way(Ahead(draw, whole, lineage.newest or 0))
                if trials.cut(lineage, *blows, strike=strike).newest == whole.timesteps:
                    break  # it had come to the goal before
            if lineage.newest is None:
                trials.cut(lineage, Blow("step", whole.steps // 2, (SIGTERM,)))  # else nothing would be gone on from
            trials.end(lineage)


@pytest.mark.parametrize("name", [ON_POLICY, OFF_POLICY])
def test_a_sigkill_at_each_kind_of_file_operation_leaves_nothing_broken(trials: Trials, name: str) -> None:
    draw, whole = draw_for("kinds", name), trials.whole(name)
    assert {kind for kind, count in whole.operations.items() if count} == {*KINDS} - {"link"}
    with trials.lineage(name) as lineage:
        for kind in ("half", "rename", "remove", "half", "create", "fsync"):
            at = Ahead(draw, whole, lineage.newest or 0).count(whole.operations[kind])
            if trials.cut(lineage, Blow(kind, at)).newest == whole.timesteps:
                break
        trials.end(lineage)


SESSIONS = [
    pytest.param(False, id="first-session", marks=pytest.mark.long("one operation of each kind is a sample of them")),
    pytest.param(True, id="second-session"),
]


@pytest.mark.parametrize("goes_on", SESSIONS)
@pytest.mark.parametrize("name", [ON_POLICY, OFF_POLICY])
def test_a_sigkill_at_each_file_operation_leaves_nothing_broken(trials: Trials, name: str, *, goes_on: bool) -> None:
    whole = trials.whole(name)
    with trials.lineage(name) as before:
        operations = whole.operations
        if goes_on:
            # Early enough for three saves to come, of which the third removes a checkpoint.
            trials.cut(before, Blow("step", whole.steps // 4, (SIGTERM,)))
            with trials.lineage(name, after=before) as unharmed:
                cut = unharmed.session()
                check_end(cut, whole)
            operations = {kind: cut.reached[kind] for kind in KINDS}
        links_segments = goes_on and name == OFF_POLICY
        assert {kind for kind in KINDS if operations[kind]} == {*KINDS} - (set() if links_segments else {"link"})
        numbers = range(1, sum(operations.values()) + 1)
        for number in numbers if trials.long else draw_for(name, goes_on).sample(numbers, 1):
            with trials.lineage(name, after=before) as lineage:
                assert trials.cut(lineage, Blow("operation", number)).code == -SIGKILL
                trials.end(lineage)


def test_while_the_disk_hangs_training_goes_no_further_than_the_next_checkpoint(trials: Trials) -> None:
    for name in trials.some_of(ON_POLICY):
        draw, whole = draw_for("the disk hangs", name), trials.whole(name)
        with trials.lineage(name) as lineage:
            writing = draw.randint(int(0.3 * whole.operations["fsync"]), int(0.6 * whole.operations["fsync"]))
            assert trials.cut(lineage, Blow("fsync", writing, hangs=HANGING_SECONDS)).code == -SIGKILL
            trials.end(lineage)


def test_a_second_signal_during_the_last_save_changes_nothing(trials: Trials) -> None:
    for name in trials.some_of(OFF_POLICY):
        draw, whole = draw_for("during the save", name), trials.whole(name)
        with trials.lineage(name) as lineage:
            first = Blow("step", draw.randint(1, int(0.8 * whole.steps)), (SIGTERM,))
            cut = trials.cut(lineage, first, Blow("last copy", 1, (SIGINT,)))
            assert cut.metadata.interrupted_by == "SIGTERM"
            trials.end(lineage)


def test_two_signals_in_a_rollout_end_it_at_once_and_the_checkpoint_before_is_sound(trials: Trials) -> None:
    for name in trials.some_of(ON_POLICY):
        draw, whole = draw_for("in a rollout", name), trials.whole(name)
        with trials.lineage(name) as lineage:
            at = draw.randint(whole.steps // 2, whole.steps - 1)
            cut = trials.cut(lineage, Blow("step", at, (SIGTERM, SIGTERM)))
            assert cut.metadata.interrupted_by == "SIGTERM, then SIGTERM"
            assert cut.newest is not None
            trials.end(lineage)


def test_a_signal_before_the_first_rollout_costs_nothing(trials: Trials) -> None:
    for name in trials.some_of(OFF_POLICY):
        with trials.lineage(name) as lineage:
            assert trials.cut(lineage, Blow("start", 1, (SIGTERM,))).newest is None
            stopped = trials.cut(lineage, Blow("step", trials.whole(name).steps // 2, (SIGTERM,))).newest
            assert trials.cut(lineage, Blow("start", 1, (SIGINT,))).newest == stopped
            trials.end(lineage)


def test_the_checkpoint_before_the_newest_serves_as_well(trials: Trials) -> None:
    for name in trials.some_of(OFF_POLICY):
        draw, whole = draw_for("fallback", name), trials.whole(name)
        with trials.lineage(name) as lineage:
            later = draw.randint(int(0.8 * whole.operations["fsync"]), int(0.9 * whole.operations["fsync"]))
            newest = trials.cut(lineage, Blow("fsync", later)).newest
            assert lineage.fall_back()
            cut = lineage.session()
            assert cut.start < (newest or 0)
            check_end(cut, whole)


OTHER_CURVES = [
    pytest.param(name, marks=pytest.mark.long("two algorithms are held against the uninterrupted run without"))
    for name in JOBS
    if name not in (ON_POLICY, OFF_POLICY, "a2c-gsde", "ppo-own")
]
"""A2C's logger dumps every hundredth rollout of a session: elsewhere in a lineage that was cut."""


@pytest.mark.parametrize("name", [ON_POLICY, OFF_POLICY, *OTHER_CURVES])
def test_cuts_a_redo_and_a_fallback_give_the_curve_of_the_uninterrupted_run(trials: Trials, name: str) -> None:
    whole = trials.whole(name)
    assert {key.partition("/")[0] for _, key, _ in whole.measured} >= {"rollout", "train", "episode"}
    assert max(timesteps for timesteps, _, _ in whole.measured) >= 0.8 * whole.timesteps
    with trials.lineage(name) as lineage:
        check_curve(lineage, whole)


def check_curve(lineage: Lineage, whole: Whole) -> None:
    """Cut a lineage, redo a session of it and fall back, and hold what it measured against the uninterrupted run."""
    steps_of_a_rollout = lineage.job.total_timesteps // 4 // lineage.job.env.n_envs
    if lineage.job.name == "ars-normalized":
        steps_of_a_rollout *= 2  # so that there is a checkpoint to go on from
    killed = lineage.session(Blow("step", steps_of_a_rollout + 11, (SIGKILL,)))  # it measured beyond its checkpoint
    assert killed.code == -SIGKILL
    lineage.session(Blow("step", 9, (SIGTERM,)))
    lineage.redo()
    lineage.session(Blow("step", 2 * steps_of_a_rollout + 1, (SIGTERM,)))
    fell_back = lineage.fall_back()
    assert lineage.session().code == 0
    curve = curve_of(lineage)
    check_seams(curve)
    assert 2 not in {each.session for each in curve.stretches}, "what was redone is in it"
    assert measured(curve) == whole.measured
    assert fell_back
    assert curve.notes == ()


def test_a_lineage_without_sessions_is_an_empty_curve(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "none", job_values("dqn"), SEGMENT_BYTES)
    assert curve_of(lineage) == Curve(lineage.job.name, 1, (), ())
