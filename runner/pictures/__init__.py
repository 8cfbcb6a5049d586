"""A video of a job's best agent.

`recording`: plays and draws, in the agent's own process. `encoding`: makes a file of the frames.
"""
