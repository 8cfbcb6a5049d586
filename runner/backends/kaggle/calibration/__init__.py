"""`doit calibrate backend=kaggle`: what nobody but the owner of an account can find out about Kaggle.

`facts`: what was found, and the table of it. `steps`: how it is found, one after the other. `script`: what runs there.
"""
