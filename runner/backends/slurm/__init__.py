"""The slurm backend: sessions as jobs of a Slurm cluster.

`section`: what a job says of it. `entry`: how it is found, and how long a session lasts there. `backend`: the calls.
`health`: what `doit doctor` asks of the cluster.
"""
