"""Checkpoints that were copied by hand become session 0001 of a job.

`finding`: which file of a folder is the newest, and what lies beside it. `reading`: what is in these, once it is found
sound. `taking_in`: the session that is made of it.
"""
