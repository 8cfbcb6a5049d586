"""The docker backend: sessions in containers laid out and limited as on Kaggle.

`section`: what a job says of it. `entry`: how it is found. `backend`: the calls. `place`: the Python of an image, and
what it has. `health`: what `doit doctor` asks of the engine.
"""
