"""What users ask beside running, a module for each: `plan`, `status`, `verify`, `cancel`, `start_afresh`, `doctor`.

`collect` looks again where nothing had come; `recover` makes sessions again from what a backend holds; `calibrate` asks
a backend's own part, and so does `tidy`, after `runner.retention`. `outcome` says what a run came to, whichever command
ran it.
"""
