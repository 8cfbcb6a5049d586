"""One signalised intersection on the cell transmission model: see docs/traffic-light.md.

`environment` and `vector` are what gymnasium makes, both a `batch` of episodes. `scenario`: their arguments. `network`,
`simulator`: the roads, and how traffic flows on them; `demand`: what arrives; `signal`: what is green. `observation`:
what a controller sees; `controllers`: some to measure an agent by. `picture`: the scene drawn. `generators`: random
numbers as plain data.
"""
