"""Many jobs in one command: `loop` asks after all sessions, chooses whose turn it is, and makes a pass over just those.

`together`: which sessions one submission begins. `given`: the loop's clock, and what makes its passes.
"""
