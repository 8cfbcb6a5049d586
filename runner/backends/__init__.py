"""Where sessions execute: one file or folder for each backend, behind the calls of `base.Backend`.

`base`: those calls. `registry`: the backends by name. `on_executor`: a backend that stands on an executor.
`shared_folder`: where the sandboxes of a cluster lie. `opened`: backends that stay open for a while.
`local`, `docker/`, `kaggle/`, `slurm/`, `ray/`: this machine, a container, Kaggle, a cluster of Slurm or of Ray.
"""
