"""A search for hyperparameters: many jobs that differ in them, each a lineage of its own.

`values`: a study, and a trial as it is written down. `reading`, `search_space`: the studies of jobs.yaml, or what is
wrong with them. `folder`: names of files. `records`: the trials on disk, which are jobs for every command. `journal`:
Optuna's side, which chooses values and says what is to be pruned. `judging`: what a trial's evaluations come to, as
pure functions. `sessions`: what a search asks of whoever runs them; `driving` has a trial's job go on by as much as it
can without waiting, `measured` reads its evaluations. `searching`: brings these together, so that a kill at any moment
loses and repeats nothing. `promoting`: the best trial as a job of jobs.yaml. `summary`: how a study stands, in words.
"""
