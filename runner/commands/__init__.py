"""What users ask beside running, a module for each: `plan`, `status`, `verify`, `cancel`, `start_afresh`, `doctor`.

`video` shows a job's best agent. `collect` looks again where nothing had come; `recover` makes sessions again from what a backend holds; `calibrate` and
`tidy` ask a backend's own part. `outcome` says what a run came to, whichever command ran it.
"""
