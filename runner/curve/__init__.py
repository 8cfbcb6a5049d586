"""One training as it was measured, over all its sessions.

`measurements` has the values. `chain`: which sessions a training stems from, and up to where; `session_rows`: what one
of them measured; `stitching` makes one curve of both.
`showing` writes it, as `table` and `event_files` have it.
"""
