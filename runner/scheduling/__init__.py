"""Many jobs at once: which of them goes on now, and one loop that watches all their sessions.

`slots`: what a session takes of the place where it runs, and what a command may use. `demands`: what a job needs of the
scheduler. `line`: who gets a pass now: fair, by priority, within slots and caps; it has no clock and asks nobody.
`lanes`: those that wait for slots of one kind. `coming`: which jobs there are, asked at each tick. `asking`: a demand
from a plan. `watching`: how all sessions stand, and their logs. `runner/doit/many_jobs/loop.py` makes a loop of these.
"""
