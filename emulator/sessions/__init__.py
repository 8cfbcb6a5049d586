"""What becomes of a push: a session on an executor.

`scheduler`: starts and watches them. `session`: one of them. `scripts`, `sources`: what it runs and mounts.
`accelerators`, `quota`: which machine it gets, and how much of the week it uses. `executors`: those there are, by name.
"""
