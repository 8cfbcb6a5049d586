"""Run a script as a job of a Ray cluster, by Ray's own client of its Jobs API.

`executor`: the calls. `settings`: what a script asks for. `cluster`: Ray's client, its answers as values and errors,
imported when it is first needed. `words`: what Ray says, in words. `standing`: where a script stands.
"""
