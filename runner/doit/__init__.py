"""What doit is told, and what it says.

`tasks`: what dodo.py holds, of the words in `creators`. `actions`: what its tasks do. `selection`: what a command line
asks for; `variables`: its `name=value`. `graph`: the tasks for it, after one look at the disk. `loader`: brings these
together for every command of doit. `command`: doit's `run` command as it begins. `run`: the rest of it, which goes on
for `resume`; `passes`: which jobs need another pass; `many_jobs/`: the loop over many of them. `reporter`: a line for
each stage. `failures`: errors as sentences. `state`: doit's memory, written through. `plugins`: doit's own, looked for
only where one is named. `import_zoo`: a command of doit's beside its tasks.
"""
