"""What of a lineage stays on the disk, and how the rest goes.

`values`: what jobs.yaml says; `found`: the files that may go, as the documents name them; `choice`: which of them stay,
and why, as a pure function; `removal`: takes the others away, so that a kill leaves a lineage that goes on.
"""
