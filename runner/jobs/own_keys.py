"""Keys of a job in jobs.yaml that are neither a session's nor a backend's: they stay with the commands."""

DATA = "data"
"""The folders of this machine that stand for data of Kaggle's."""
KEEP = "keep"
"""Which checkpoints `doit gc` leaves: what is kept decides nothing of what is trained, so that it is in no package."""
NOTIFY = "notify"
"""Who is told of the job. An address may be a secret, so that it is in no package."""
GROUP = "group"
"""What jobs that are one experiment have in common, such as those that differ in their seed: a report compares them."""
PRIORITY = "priority"
"""Which of several jobs begins its session first, where not all can."""
OF_COMMANDS = (GROUP, KEEP, NOTIFY, PRIORITY)
"""Those that no session is packaged with, whatever they say."""
