"""Kaggle's HTTP API on loopback, for the official client: kernels, datasets, uploads and quota, over any executor.

Each layer knows those after it only: `__main__` (a process) and `running` (in this process) start it; `server`: a
socket, the layers on it. `http/`: requests, files and the status page; beside it `faults/`: what goes wrong on demand.
`calls/`: Kaggle's remote procedure calls. `sessions/`: what becomes of a push. `core`: the emulator itself, which all
of them work on. `store/`: what it keeps. `settings`, `clock`, `accounts`, `urls`: what it is told, and plain values.
"""
