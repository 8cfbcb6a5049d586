"""What the emulator keeps: it survives a SIGKILL.

`database`: the SQLite file. `kernels`, `datasets`: rows of each. `blobs`: bytes by digest. `uploads`: what arrives.
`archives`: what Kaggle unpacks in datasets. `state`: all of it as values.
"""
