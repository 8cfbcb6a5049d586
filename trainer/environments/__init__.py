"""The environments of a session, and how their state is taken and put back.

`making`: made, vectorised and wrapped as the job says; `vectorized`: the innermost vectorised ones; `identifiers`: what
an id names; `failures`: what a user's code raised, in a sentence. `checks/`: what they give, looked at in each step;
`origins`: actions that begin elsewhere than at zero. `snapshot`: the state of one environment; `states`: of all.
`recorded_actions`: for environments without a state; `box2d_worlds`: what gymnasium's need for that. `self_check`:
whether it works, measured before the training. `spaces`: spaces as JSON; `unreadable_spaces`: those that no policy
reads.
"""
