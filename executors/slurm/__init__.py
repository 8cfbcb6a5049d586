"""The Slurm executor: scripts as jobs of a cluster, by Slurm's own commands.

`settings`: what a job asks for, as options of sbatch, and how long it has. `commands`: the commands, each with an end.
`words`: what they say, as values. `standing`: where a job stands, from what they say and what lies in its sandbox.
`array`: several scripts as one array. `executor`: the calls.
"""
