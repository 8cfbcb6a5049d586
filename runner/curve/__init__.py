"""One training as it was measured, over all its sessions.

`measurements` has the values; `stitching` reads what sessions left and leaves out what was cut off and done again.
"""
