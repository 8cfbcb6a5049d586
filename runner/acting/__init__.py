"""A job's best agent at work outside of sessions, in a process of its own: for a video, for what is handed on.

`choosing`: which model of a job that is. `order`: what the process is told, and what it tells. `process`: starts it.
In the process: `performer` is what runs, `agent` loads, `playing` plays episodes.
"""
