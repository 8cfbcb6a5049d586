"""Kaggle's HTTP API on loopback, for the official client: kernels, datasets, uploads and quota, over any executor.

`store/`: what it keeps, in SQLite and blobs. `sessions/`: what becomes of a push. `calls/`: Kaggle's remote procedure
calls. `http/`: requests, files and the status page. `faults/`: what goes wrong on demand. `core` holds them together;
`settings` and `clock` say what is told and what time it is; `running` is an emulator in this process.
"""
