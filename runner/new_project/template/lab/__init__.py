"""The environment of this project; importing the package registers it with gymnasium."""

import gymnasium as gym

if "Balance-v0" not in gym.registry:
    gym.register(id="Balance-v0", entry_point="lab.balance:Balance", max_episode_steps=100)
