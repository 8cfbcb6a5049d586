"""What session, restore, runner, executors and emulator agree on; imports nothing else of this project.

`errors`: every error, each one sentence. `files`: durable files and digests. `layout`: names inside a session's input
and its artifacts. `records`, `documents`: what stands on disk, typed. `events`: what a session prints for the runner.
`typed_json`: how documents are read and written; `trials`: what the trial of a job found; `trying`: its process.
`states`: where a session stands.
`identity`, `differences`, `libraries`: what two runs are compared by.
`coming_back`: which files of a session come back. `plain_text`: a stranger's words, fit for a terminal.
`zips`: those whose bytes never tell the time.
"""
