"""Environments that come with kaggle-relay; importing this package registers them with gymnasium."""

from __future__ import annotations

import gymnasium as gym

TRAFFIC_LIGHT_ID = "TrafficLight-v0"

if TRAFFIC_LIGHT_ID not in gym.registry:
    gym.register(
        id=TRAFFIC_LIGHT_ID,
        entry_point="trainer.envs.traffic_light.environment:TrafficLightEnv",
        vector_entry_point="trainer.envs.traffic_light.vector:TrafficLightVectorEnv",
    )
