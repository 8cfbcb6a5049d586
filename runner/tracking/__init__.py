"""A job's curve in an experiment tracker, as one run over all its sessions.

`values` has what is said of a run, and what a tracker is. `described`: what there is to say of a job. `plan` decides
what of its curve is still to be sent, as a pure function; `sending` does so. `mlflow` and `weights_and_biases` are the
trackers, `libraries` what theirs have in common; the latter cannot be asked for what it has, so that `outbox` keeps it.
"""
