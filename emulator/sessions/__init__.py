"""What becomes of a push: a session on an executor.

`scheduler`: starts and watches them. `session`: one of them. `scripts`, `sources`: what it runs and mounts.
`accelerators`: which machine it gets, and what becomes of it there. `streams`: which of two it printed to.
"""
