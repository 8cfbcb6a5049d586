"""What runs inside a session: trains a job and leaves artifacts. Knows nothing of Kaggle, Docker or doit.

`__main__` starts `session`: one session; `session_input`: what it is given; `progress`: how far it has come. `training`
and `callback`: the loop; `evaluation`, `divergence`, `generators`: what happens in it. `stopping/`: its end, asked for
or forced. `checkpoint/`, `environments/`, `algorithms/`: what is saved, acted in and learned with. `determinism/`:
whether a GPU computes the same twice. `metrics/`: what is measured. `named_classes`, `own_callbacks`: what a job brings
of the user's own. `envs/`: environments that come along; `baselines`: what agents are compared with. `inference`: a
trained policy elsewhere. `trial`: a job tried before a session, or first in it (`trying_first`).
"""
