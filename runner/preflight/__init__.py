"""What can be known of a session before it is spent.

`trial`: the job is made, stepped, saved and loaded in a process of its own. `trials`: what that found, remembered by
content. `memory`: whether it fits where it is to run. `verdict`: both together, and what is refused or only said.
`checks`: what else would keep a session from running. `sandbox`: what a session finds, for whatever is tried or played
here.
"""
