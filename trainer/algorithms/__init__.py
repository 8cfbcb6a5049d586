"""The algorithm of a job as a model of Stable-Baselines3; what a job may say of it is in `job.algorithms`.

`model`: made from the hyperparameters. `suitability`: whether it can learn in an environment. `gpu`: whether the GPU
computes. `ars`: Augmented Random Search that can be gone on from exactly. `compiler`: torch's, left out.
"""
