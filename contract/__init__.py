"""What session, restore, runner, executors and emulator agree on; imports nothing else of this project.

`errors`: every error, each one sentence. `events`: what a session prints for the runner; `plain_text`: a stranger's
words, fit for a terminal; `make`: our own targets as they are typed here. `states`: where a session stands. `trying`:
the process of a trial. `identity`, `differences`, `libraries`: what two runs are compared by. `documents/`: what stands
on disk, typed. `storage/`: durable files, and which names they may have.
"""
