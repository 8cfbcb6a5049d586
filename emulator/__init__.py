"""Kaggle's HTTP API on loopback, for the official client: kernels, datasets, uploads and quota, over any executor."""
