"""What other tools call things: somebody who writes their key is told ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from runner.jobs.zoo.expressions import parse_value

if TYPE_CHECKING:
    from runner.jobs.yaml_positions import KeyPath

_CALLBACKS = "write callbacks, a list such as `[my_package.module:Class]`"
_SECTION_OF_EVALUATION = "under eval"

OURS = {
    "n_timesteps": "write total_timesteps",
    "timesteps": "write total_timesteps",
    "total_steps": "write total_timesteps",
    "num_timesteps": "write total_timesteps",
    "algo": "write algorithm",
    "model_class": "write algorithm",
    "env_id": "write `id` under env",
    "env_kwargs": "write `kwargs` under env",
    "num_envs": "write `n_envs` under env",
    "env_wrapper": "write `wrappers` under env, a list such as `[FlattenObservation, my_package.module:Class]`",
    "vec_env_wrapper": "write `vec_wrappers` under env, a list such as `[VecCheckNan, my_package.module:Class]`",
    "vec_env": "write `vectorization` under env",
    "normalize": "write `wrapper: VecNormalize` under env",
    "normalize_kwargs": "write `wrapper_kwargs` under env",
    "callback": _CALLBACKS,
    "eval_freq": f"write `frequency` {_SECTION_OF_EVALUATION}",
    "eval_episodes": f"write `episodes` {_SECTION_OF_EVALUATION}",
    "n_eval_episodes": f"write `episodes` {_SECTION_OF_EVALUATION}",
    "checkpoint_freq": "write save_freq",
    "save_interval": "write save_freq",
    "lr": "write `learning_rate` under hyperparameters",
    "net_arch": "write `net_arch` in policy_kwargs under hyperparameters",
    "activation_fn": "write `activation_fn` in policy_kwargs under hyperparameters",
    "hyperparams": "write hyperparameters",
    "num_threads": "write threads",
    "time_limit": "write session_limit",
    "gpu": "write `device: cuda`, and on Kaggle `accelerator` under kaggle",
    "verbose": "remove it: a session says how it goes by itself",
    "progress_bar": "remove it: a session says how it goes by itself",
    "tensorboard_log": "remove it: `doit curve` makes one TensorBoard run of all sessions",
}
"""The key of another tool, such as rl-baselines3-zoo, and what to write."""


def as_mapping(values: Any, path: KeyPath) -> str | None:
    """What to write for the Python that stands at `path` as text, as in rl-baselines3-zoo's `"dict(net_arch=[64])"`."""
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    try:
        found = parse_value(values) if isinstance(values, str) else None
    except ValueError:
        return None
    flow = yaml.safe_dump(found, default_flow_style=True, sort_keys=False, width=1_000).strip()
    return f"write {flow}" if isinstance(found, dict) else None
