"""What to train: the model of a job, checked before anything is imported that could train it.

`model`: a job, and `parse_job`. `components`: the classes that it names. `brought`: what a session brings along of a
user's own. `computing`: on how many cores, and how exactly on a GPU. `problems`: what is wrong with one, in the words
of jobs.yaml. `notation`: durations and sizes as text. `schedules`: numbers that change over a training.
`algorithms/`: the options of each algorithm, and the registry that names them all.
"""
