"""Where sessions execute: one file or folder for each backend, behind the calls of `base.Backend`.

`base`: those calls. `registry`: the backends by name. `on_executor`: a backend that stands on an executor.
`local`, `docker/`, `kaggle/`, `slurm/`, `ray/`: this machine, a container, Kaggle, a cluster of Slurm or of Ray.
"""
