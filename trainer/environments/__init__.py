"""The environments of a session, and how their state is taken and put back.

`making`: made, vectorised and wrapped as the job says; `vectorized`: the innermost vectorised ones; `workers`: their
processes; `identifiers`: what an id names; `failures`: what a user's code raised, in a sentence. `wrapping/`: the job's
wrappers. `state/`: what a checkpoint keeps; `self_check`: whether it comes back, measured before the training.
`checks/`: what environments give, looked at in each step; `origins`: actions that begin elsewhere than at zero.
`spaces`: spaces as JSON; `unreadable_spaces`: those that no policy reads.
"""
