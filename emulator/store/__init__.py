"""What the emulator keeps: it survives a SIGKILL.

`database`: the SQLite file. `values`: what is in it. `kernels`, `datasets`, `quota`: reading and writing that. `blobs`:
bytes by digest. `uploads`: what arrives. `archives`: what Kaggle unpacks in datasets.
"""
