"""What steers a project and spends nothing: answers for programs, what happened when, logs, a picture of what is stale.

`answers`: JSON on standard output, and nothing else there; `documents`: what it holds; `standing`: where a job stands,
and the code of `exit_codes` that says so; `estimate`: how much a session would be sent, and how long it would take;
`ended`: why sessions ended, in words. `history`: what happened when, by `happened`; `logs`: what a session printed and
prints; `graph`: a picture of `stages` by `drawing`.
"""
