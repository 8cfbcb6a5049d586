"""The kaggle backend: sessions as versions of one private kernel, their input as versions of one private dataset.

`section`: what a job says of it. `entry`: how it is found. `backend`: the calls. `kernels/`, `dataset`: a job's two
things on Kaggle; `names`: what they are called. `input`: what a session is sent; `replay`: the part of it that is sent
once for many; `mounted`: datasets of others. `recovery`: the sessions that they hold. `watch` and `logs`: a session
that runs. `api/`: requests and what came of them. `files/`: what goes there and what comes back. `gpu/`: whether a
session asks for one, and for how long. `place`: the Pythons there, and what they have. `health`: what `doit doctor`
asks. `calibration/`: what only the owner of an account can find out; `notes`: what was found meanwhile; `tidying`:
what may be removed.
"""
