"""Entries of rl-baselines3-zoo's hyperparameter files as jobs.

`expressions`: the Python that stands in them as text, read and not run. `conversion`: what each line is here, or why it
is nothing. `reading`: the entry of an environment in a file. `writing`: the job as YAML.
"""
