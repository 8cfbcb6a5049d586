"""The docker backend: sessions in containers laid out and limited as on Kaggle.

`backend`: the calls. `health`: what `doit doctor` asks of the engine.
"""
