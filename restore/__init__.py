"""Judges what a session left, and adopts what is sound as the parent of the next.

`validation`: artifacts, one by one, by what `documents` say; `integrity`: a checkpoint; `replay` and `finite_rows`: its
replay buffer; `metrics`: what was measured. `reading/`: files from strangers, read without running anything in them.
`adoption`: what is restored. `adoptable/`: what was saved by hand. `compatibility`: which changes of a job a checkpoint
survives, by `compatibility_rules`, of which `compatibility_table` makes the documents' table.
"""
