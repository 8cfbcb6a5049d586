"""What stands between a socket and the calls.

`app`: every route, and the scheduler that runs beside them. `origin_form`: requests that come through a proxy.
`uploads`, `downloads`: files as a storage bucket takes and serves them. `page`, `overview`: the status page, and what
it shows.
"""
