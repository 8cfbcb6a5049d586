"""The five stages of a session: package, execute, download, validate, restore.

Each stage is the function of its module; `on_workspace` wires them. `parent`: what a session goes on from. `bootstrap`:
the script that starts the session, copied into each package. `fit_probe`: whether the parent fits.
"""
