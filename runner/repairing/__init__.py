"""What `doit repair` does: a plan as a value, what it costs in timesteps, and then the doing.

`copies`: where the content of a damaged file still is. `documents`: a session's documents made again from what is left
of it. `planning`: what is to be moved, written and adopted anew, oldest session first. `doing`: does it, and keeps
whatever it replaces below `runs/.damaged/`. `project`: what belongs to no job. It mends what `sessions`, `store` and
`folders` of `runner.verifying` find.
"""
