"""What of a curve is sent: what is new and settled, or a new run where what was sent has been replaced."""

from __future__ import annotations

import pytest

from runner.curve.measurements import Curve, Measurement
from runner.tracking.plan import Replaced, Settled, ToSend, what_to_send

REWARD, EVALUATION = "rollout/ep_rew_mean", "eval/mean_reward"


def curve(**series: dict[int, float]) -> Curve:
    keys = {"reward": REWARD, "evaluation": EVALUATION, "axis": "time/total_timesteps"}
    points = [
        Measurement(timesteps, keys[name], value, 1, 0.0)
        for name, values in series.items()
        for timesteps, value in values.items()
    ]
    return Curve("cart", 1, tuple(sorted(points)), ())


def settled(timesteps: int, *borders: int, goes_on: bool = False) -> Settled:
    return Settled(timesteps, frozenset({0, timesteps, *borders}), goes_on)


def sent(decided: ToSend | Replaced) -> list[tuple[str, int]]:
    assert isinstance(decided, ToSend)
    return [(each.key, each.timesteps) for each in decided.points]


MEASURED = curve(reward={32: 1, 64: 2, 96: 3}, evaluation={64: 5.0}, axis={32: 32})


def test_at_first_all_is_sent_up_to_the_newest_checkpoint_but_what_repeats_the_axis() -> None:
    assert sent(what_to_send(MEASURED, settled(64), {})) == [(REWARD, 32), (EVALUATION, 64), (REWARD, 64)]


def test_what_is_there_is_not_sent_again_wherever_a_send_was_cut() -> None:
    assert sent(what_to_send(MEASURED, settled(96), {REWARD: {32: 1.0}})) == [
        (EVALUATION, 64),
        (REWARD, 64),
        (REWARD, 96),
    ]
    everything = {REWARD: {32: 1.0, 64: 2.0, 96: 3.0}, EVALUATION: {64: 5.0}}
    assert sent(what_to_send(MEASURED, settled(96), everything)) == []


def test_what_came_late_to_timesteps_that_were_sent_is_sent() -> None:
    held = {REWARD: {32: 1.0, 64: 2.0}}
    assert sent(what_to_send(MEASURED, settled(64), held)) == [(EVALUATION, 64)]


@pytest.mark.parametrize(
    ("held", "replaced"),
    [
        ({REWARD: {32: 1.0, 64: -2.0}}, Replaced(64, REWARD)),
        ({REWARD: {32: 1.0, 96: -3.0}}, Replaced(96, REWARD)),
        ({REWARD: {32: 1.0, 48: 9.0, 56: 9.0}}, Replaced(48, REWARD)),
        ({REWARD: {32: 1.0, 64: 2.0, 96: 3.0, 128: 4.0}}, Replaced(128, REWARD)),
    ],
)
def test_what_is_no_longer_a_part_of_the_training_asks_for_a_new_run(
    held: dict[str, dict[int, float]], replaced: Replaced
) -> None:
    assert what_to_send(MEASURED, settled(96), held) == replaced


def test_an_evaluation_that_is_made_again_at_a_border_replaces_nothing() -> None:
    held = {REWARD: {32: 1.0, 64: 2.0}, EVALUATION: {64: 4.9}}
    assert sent(what_to_send(MEASURED, settled(96, 64), held)) == [(REWARD, 96)]


def test_while_a_session_is_under_way_what_lies_behind_its_beginning_is_not_judged() -> None:
    held = {REWARD: {32: 1.0, 64: 2.0, 80: 7.0, 96: 8.0}, EVALUATION: {64: 5.0}}
    assert sent(what_to_send(MEASURED, settled(64, goes_on=True), held)) == []
    assert what_to_send(MEASURED, settled(96), held) == Replaced(80, REWARD)


def test_a_database_may_round_and_a_user_may_add_keys() -> None:
    held = {REWARD: {32: 1.0 + 1e-15}, "mine": {7: 7.0}}
    assert sent(what_to_send(MEASURED, settled(32), held)) == []
