"""The kaggle backend: sessions as versions of one private kernel, their input as versions of one private dataset.

`section`: what a job says of it. `entry`: how it is found. `backend`: the calls. `kernel`, `dataset`: a job's two
things on Kaggle; `names`, `kernel_metadata`: what they are called and what Kaggle is told of them; `pushing`: how a
kernel gets there. `watch` and `logs`: a session that runs. `api/`: requests and what came of them. `files/`: what goes
there and what comes back. `health`: what `doit doctor` asks. `calibration/`: what only the owner of an account can find
out; `memory`: what was found meanwhile.
"""
