"""What the next session of a job is, and whether there is one.

`decide`: a pure function of what is on disk and of what is `wanted`. `plans`: all three, and the session that follows.
`changes`: what is other than when a session was packaged. `endings`: why a session ended, and whether another may do
better; `restraint`: whether that one may begin without being asked for. `outcome`: what a run came to. `settled`,
`settling`: that there is nothing to do, kept.
"""
