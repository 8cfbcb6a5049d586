"""Judges what a session left, and adopts what is sound as the parent of the next.

`validation`: artifacts, one by one; `integrity`: a checkpoint; `replay` and `finite_rows`: its replay buffer.
`archive`, `tensors`, `pickle_machine`, `strict_json`, `documents`, `spans`: files from strangers, read without running
anything in them. `adoption`: what is restored. `compatibility`, with its rules and its table: which changes of a job a
checkpoint survives.
"""
