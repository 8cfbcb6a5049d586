"""The five stages of a session: package, execute, download, validate, restore.

`package`, `execute`, `download`, `validate`, `restore`: the function of a folder and its inputs that each of them is.
`wiring` hands it what it needs of a workspace. `parent`: what a session goes on from. `session_script`: what starts the
session, copied into each package. `fit_probe`: whether the parent fits. `stopping`: a session asked to end.
"""
