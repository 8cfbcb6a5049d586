"""What the environment promises."""

import gymnasium as gym
from gymnasium.utils.env_checker import check_env

from lab.balance import Balance


def test_it_is_an_environment_as_gymnasium_wants_it() -> None:
    check_env(gym.make("Balance-v0").unwrapped, skip_render_check=True)


def test_it_goes_on_from_its_state_as_if_it_had_never_stopped() -> None:
    first, second = Balance(), Balance()
    first.reset(seed=1)
    second.reset(seed=2)
    first.step(0)
    second.set_state(first.get_state())
    for action in (0, 2, 1, 1, 2, 0):
        (seen, *rest), (seen_again, *rest_again) = first.step(action), second.step(action)
        assert seen.tolist() == seen_again.tolist()
        assert rest == rest_again


def test_it_is_drawn_where_it_is() -> None:
    environment = gym.make("Balance-v0", render_mode="rgb_array").unwrapped
    environment.reset(seed=1)
    before = environment.render()
    environment.step(2)
    assert (environment.render() != before).any()


def test_an_episode_ends_where_the_point_is_too_far_off() -> None:
    environment = Balance(gust=0.0)
    environment.reset(seed=1)
    ends = [environment.step(2)[2] for _ in range(20)]
    assert not ends[0]
    assert ends[-1]
