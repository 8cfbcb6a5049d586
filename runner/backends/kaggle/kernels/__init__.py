"""A session as a Kaggle kernel.

`metadata`: what it asks for. `pushing`: how a version is saved and run. `kernel`: what Kaggle says of one.
"""
