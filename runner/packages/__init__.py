"""The packages that a job asks for and that the place of its sessions lacks, as wheels that a session brings along.

`places`: what a place is, and what it has. `pip`: pip as it is asked for wheels of a place. `lockfile`: which wheels a
list of packages became, in the file beside jobs.yaml. `carrying`: the wheels of a job, locked once and kept.
"""
