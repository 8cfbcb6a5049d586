"""Run a script as a Kaggle batch run in one place, whoever asks: backends give it sessions, the emulator kernels.

`base`: the calls that every executor has. `sandbox`: the folder of a script that runs as a process; `local_files`: what
the script leaves there. `local`, `local_launcher`: a detached process of this machine, with `short_folders` for its
temporary files. `docker/`: a container. `slurm/`, `ray/`: a job of a cluster, with `shared_sandboxes` for what its
nodes share with this machine, and `watches` for what was seen of each job, and when to look again.
"""
