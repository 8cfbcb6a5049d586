"""What stands between the wire and the calls.

`app`: every route. `server`: the process that serves it. `wire`: requests as the client's own types. `accounts`: who
calls. `uploads`, `downloads`, `urls`: files as a storage bucket serves them. `targets`: what a request is about.
`page`: the status page.
"""
