"""What stands on disk, one type for each document.

`runs`: what the stages hand each other below `runs/`. `trial`: what the trial of a job found. `typed_json`: how these
are read and written. `session`: what a session is told and what it tells, with pydantic, as a session has no msgspec.
"""
