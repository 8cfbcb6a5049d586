"""What `doit verify` looks at: six kinds of checks, each by behaviour; a finding is a value of `findings`.

`installation`: versions and a real operation. `folders`: what can be written and locked; leftovers. `checkpoints`:
every model that a session left. `lineages`: documents and parents. `resuming`: a training cut by a kill, and gone on
from. `backends`: whether a session could start. They stand on `sessions`, the documents of a session and what is wrong
with them, `store`, its files, and `loading` with `loading_process`, which loads models in a process of its own.
`rendering`: for people and for programs. `runner.repairing` mends what `sessions`, `store` and `folders` find.
"""
