"""The algorithms that a job can name: one registry entry each, and a model of the hyperparameters that each takes.

`registry`: all of them by name. `hyperparameters`, `policy_kwargs`: what several share. `on_policy`, `off_policy`,
`continuous`, `epsilon_greedy`, `random_search`: the families.
"""
