"""Faults on demand: what Kaggle and the network between do to a client, at the moments that a rule names."""
