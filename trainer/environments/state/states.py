"""The states of all environments of a session, taken and put back at the innermost VecEnv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stable_baselines3.common.vec_env import SubprocVecEnv

from trainer.environments.state.layers import SnapshotError, follows_state_protocol

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


def take_states(venv: VecEnv) -> Any:
    """What `restore_states` needs; the generators of this process are not in it, those of worker processes are.

    Args:
        venv: environments made by `trainer.environments.making`, without the wrappers of Stable-Baselines3.

    Raises:
        SnapshotError: they do not give their state.
    """
    if follows_state_protocol(venv):
        try:
            return venv.get_state()  # type: ignore[attr-defined] # checked on the line above
        except SnapshotError:
            raise
        except Exception as error:  # anything may come out of a user's get_state
            raise SnapshotError(f"it does not give its state ({type(error).__name__}: {error})") from error
    snapshots = venv.env_method("try_snapshot", generators=isinstance(venv, SubprocVecEnv))
    _refuse(snapshots)
    return snapshots


def restore_states(venv: VecEnv, states: Any) -> None:
    """Put back what `take_states` gave, in environments made in the same way.

    Raises:
        SnapshotError: they do not take it back; they stand anywhere, and must be reset before they are used.
    """
    if follows_state_protocol(venv):
        try:
            venv.set_state(states)  # type: ignore[attr-defined] # checked on the line above
        except Exception as error:  # whatever it raises, it does not take its state
            raise SnapshotError(f"it does not take its state back ({type(error).__name__}: {error})") from error
        return
    for index, snapshot in enumerate(states):
        _refuse(venv.env_method("try_restore", snapshot, indices=index))


def _refuse(answers: list[Any]) -> None:
    for each in answers:
        if isinstance(each, SnapshotError):
            raise each
