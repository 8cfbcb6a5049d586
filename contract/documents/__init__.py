"""What stands on disk, one type for each document.

`runs`: what the stages hand each other below `runs/`; `removed`: what of a session was given up to make room. `trial`:
what the trial of a job found. `typed_json`: how these are read and written. `session`: what a session is told and what
it tells, with pydantic, as a session has no msgspec; `metrics`: what it measures, line by line.
"""
