"""The five stages of a session: package, execute, download, validate, restore.

Each stage is the function of its module; `wiring` hands it what it needs of a workspace. `parent`: what a session goes
on from. `session_script`: what starts the session, copied into each package. `fit_probe`: whether the parent fits.
"""
