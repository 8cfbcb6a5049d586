"""How a session ends before its goal, whatever its main thread does.

`interruption`: a signal, a stop file, the session limit; `deadline`: when that is. `activity`: what the session is
doing and for how long it may; `watchdog`: ends one that does not end by itself; `stacks`: where its threads stand;
`processes`: what it has started, which ends with it.
"""
