"""Files, and the names they have.

`files`: durable ones, and digests. `zips`: those whose bytes never tell the time. `layout`: names inside a session's
input and its artifacts. `confinement`: which names that a stranger chose stay inside their folder. `coming_back`: which
files of a session come back.
"""
