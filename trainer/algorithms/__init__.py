"""The algorithms that a job can name: one registry entry each, see `registry`."""
