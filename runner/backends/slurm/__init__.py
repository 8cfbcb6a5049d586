"""The slurm backend: sessions as jobs of a Slurm cluster.

`section`: what a job says of it; `settings`: that as its executor has it. `entry`: how it is found. `backend`: the
calls. `health`: what `doit doctor` asks of the cluster.
"""
