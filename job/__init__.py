"""What to train: the model of a job, checked before anything is imported that could train it.

`model`: a job, and `parse_job`. `problems`: what is wrong with one, in the words of jobs.yaml. `schedules` and `sizes`:
the notation of numbers that change, of durations and of bytes. `algorithms/`: the options of each algorithm, and the
registry that names them all.
"""
