"""What users ask beside running, a module for each: `plan`, `status`, `verify`, `cancel`, `start_afresh`, `doctor`.

`collect` looks again where nothing had come; `recover` makes sessions again from what a backend holds; `calibrate` asks
a backend's own part, and so does `tidy`, after `runner.retention`. `video` and `export` show and hand on a job's best
agent, `report` writes pages. `repair` mends what `verify` finds. `outcome` says what a run came to, whichever command
ran it. `saying`: an end at which all was said.
"""
