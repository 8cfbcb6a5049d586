"""Environments that come with kaggle-relay; importing this package registers them with gymnasium.

`traffic_light/`: one intersection, in NumPy. `sumo`: one that SUMO simulates, registered when that is imported.
`vector_adapter`: gymnasium's vectorised environments as Stable-Baselines3 takes them.
"""

from __future__ import annotations

import gymnasium as gym

TRAFFIC_LIGHT_ID = "TrafficLight-v0"

if TRAFFIC_LIGHT_ID not in gym.registry:
    gym.register(
        id=TRAFFIC_LIGHT_ID,
        entry_point="trainer.envs.traffic_light.environment:TrafficLightEnv",
        vector_entry_point="trainer.envs.traffic_light.vector:TrafficLightVectorEnv",
    )
