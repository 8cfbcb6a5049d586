"""The five stages of a session: package, execute, download, validate, restore.

`bootstrap` is copied into each package as the script that starts the session; `fit_probe` asks what a model would be.
"""
