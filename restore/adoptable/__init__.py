"""What was saved by hand, read without running anything in it, before a job takes it in.

`model`: a zip of Stable-Baselines3's. `normalization`: the running statistics of a VecNormalize. `transitions`: a
replay buffer. `pickles`: the files of the two, which `restore.reading.object_machine` follows.
"""
