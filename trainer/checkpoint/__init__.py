"""Checkpoints of a running training: taken, written, found again and put back.

`zip_file`: the file. `resume_state`: everything that the next rollout depends on beyond the tensors, kind by kind in
`parts/`. `replay_buffer` and `segments`: transitions, of which a save writes what is new. `saving` and `writer`: copied
at a rollout boundary, written beside the training. `parent`: one put into a model; `adopted`: one of others'.
`devices`: tensors moved between devices.
"""
